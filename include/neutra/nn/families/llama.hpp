/// Hugging Face llama folders: config.json and model.safetensors, read and written.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/folder.hpp"
#include "neutra/io/safetensors_writer.hpp"
#include "neutra/nn/backbone.hpp"
#include "neutra/nn/families/llama_config.hpp"
#include "neutra/nn/host.hpp"
#include "neutra/nn/items.hpp"
#include "neutra/nn/transformer.hpp"

#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace neutra::inline NEUTRA_ABI::nn {

namespace detail {

/// Every weight of a model by name, with its shape.
inline std::map<std::string, Shape, std::less<>> llama_shapes(const Config& config) {
  std::map<std::string, Shape, std::less<>> shapes;
  const auto add = [&](Slot slot, Index layer) { shapes.emplace(name_of(slot, layer), shape_of(config, slot)); };
  for (Index layer = 0; layer < config.layers; ++layer)
    for (Index slot = 0; slot < layer_slots; ++slot) add(static_cast<Slot>(slot), layer);
  add(Slot::embedding, 0);
  add(Slot::final_norm, 0);
  if (!config.tied) add(Slot::head, 0);
  return shapes;
}

/// Old files keep RoPE's frequencies; of a tied head and a head in the file transformers takes the tied one.
inline bool ignored_tensor(std::string_view name, const Config& config) {
  return name.ends_with(".rotary_emb.inv_freq") || (config.tied && name == name_of(Slot::head, 0));
}

/// Error: tensors that are missing, of another shape (transposed, where they are), or not the model's; all at once.
inline void check_tensors(const std::string& where, const io::WeightSource& source, const Config& config) {
  const auto shapes = llama_shapes(config);
  Items missing("missing"), wrong("of the wrong shape"), extra("not of a llama");
  for (const auto& [name, shape] : shapes) {
    if (!source.contains(name)) {
      missing.add(name);
    } else if (const Shape& got = source.shape(name); got != shape) {
      const bool transposed = got.rank() == 2 && shape.rank() == 2 && got[0] == shape[1] && got[1] == shape[0];
      wrong.add(concat(name, " must be ", shape, ", got ", got, transposed ? " (transposed: files hold weights as (out, in))" : ""));
    }
  }
  for (const auto& name : source.names())
    if (!shapes.contains(name) && !ignored_tensor(name, config)) extra.add(io::shown(name));
  std::string faults = missing.text() + wrong.text() + extra.text();
  if (!config.tied && !source.contains(name_of(Slot::head, 0)))
    faults += "; if the head is the embedding, config.json must say \"tie_word_embeddings\": true";
  require(faults.empty(), where, ": the weights must be those that config.json describes", faults);
}

/// Writes the two files; config.json last, so that a new folder has one only when it is complete.
template <Scalar S> void write_llama(const io::Path& folder, const Config& config, std::vector<io::NamedView<S>> weights, const io::Json& extra) {
  io::Json json = llama_json(config, sizeof(S) == sizeof(float) ? "float32" : "float64");
  const std::string where = folder.string();
  require(extra.is_object(), where, ": the extra keys of config.json must be an object");
  for (const auto& item : extra.items()) {
    require(!json.contains(item.key()), where, ": the extra key ", io::shown(item.key()), " is one of the model's own; choose another name");
    json[item.key()] = item.value();
  }
  const std::string text = io::dump(json, (folder / "config.json").string());
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  require(std::filesystem::is_directory(folder), where,
          ": must be a folder to save a model in, but none can be made: ", error ? error.message() : "a file of that name is there",
          "; choose another path");
  io::write_safetensors<S>(folder / "model.safetensors", std::move(weights), {{"format", "pt"}});
  io::write_file(folder / "config.json", text);
}

/// Views of anything with a name and a value.
template <Scalar S, Backend D, class Weights>
void save_weights(const io::Path& folder, const Config& config, const Weights& weights, const io::Json& extra) {
  std::deque<Tensor<S>> copies;
  std::vector<io::NamedView<S>> views;
  for (const auto& weight : weights) views.push_back({weight.name, on_host(weight, copies)});
  write_llama<S>(folder, config, std::move(views), extra);
}

}  // namespace detail

/// The model of a Hugging Face llama folder (config.json, model.safetensors or its shards), converted to S from float, double, bf16 or half
/// precision. Tied heads; rotary_emb.inv_freq is ignored, and so is a head that config.json says is tied, as transformers does. Error: everything
/// llama_config and io::WeightSource refuse; tensors that are missing, extra or of another shape, all at once; NaN and infinity.
template <Scalar S, Backend D> std::shared_ptr<const Backbone<S, D>> load_llama(const io::Path& folder) {
  const auto source = io::WeightSource::open(folder);  // first, since it knows what the folder is if it is none of ours
  const io::Path path = folder / "config.json";
  const Config config = llama_config(io::read_json(path), path.string());
  detail::check_tensors(folder.string(), source, config);
  return std::make_shared<const Backbone<S, D>>(
      config, [&](Slot, Index, const std::string& name, const Shape&) { return to_device<S, D>(source.read<S>(name)); });
}

/// Writes a model as a folder that load_llama and transformers read, float as F32 and double as F64. Each file is replaced whole or not at all.
/// extra: further keys of config.json, such as {"neutra_tokenizer": "byte"}; a tokenizer.model is put beside it by whoever has one.
/// Error: an extra key that is the model's own; NaN or infinity in a weight; the folder or the disk.
template <Scalar S, Backend D> void save_llama(const io::Path& folder, const Backbone<S, D>& backbone, const io::Json& extra = io::Json::object()) {
  detail::save_weights<S, D>(folder, backbone.config(), backbone.weights(), extra);
}

/// The same for the weights that a model works with: its own after thaw(), else the backbone's. An adapter is not part of it (see save_adapter).
template <class A, Scalar S, Backend D>
void save_llama(const io::Path& folder, const Transformer<A, S, D>& model, const io::Json& extra = io::Json::object()) {
  if (!model.thawed()) return save_llama(folder, *model.backbone(), extra);
  detail::save_weights<S, D>(folder, model.config(), model.thawed_weights(), extra);
}

}  // namespace neutra::inline NEUTRA_ABI::nn
