/// Hugging Face llama folders: config.json and model.safetensors, read and written.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/folder.hpp"
#include "neutra/io/output_file.hpp"
#include "neutra/io/safetensors_writer.hpp"
#include "neutra/nn/backbone.hpp"
#include "neutra/nn/families/llama_config.hpp"
#include "neutra/nn/host.hpp"
#include "neutra/nn/items.hpp"
#include "neutra/nn/transformer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

namespace detail {

/// The other files of a folder that a saved model keeps; the tokenizer's model and the weights are written anew.
inline constexpr std::array<const char*, 7> kept_files = {
    "generation_config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "tokenizer.json",         "chat_template.jinja",   "chat_template.json"};

inline std::map<std::string, std::string> read_documents(const io::Path& folder) {
  constexpr std::uint64_t most = 100'000'000;  // bytes; the largest tokenizer.json in use have 35 million
  std::map<std::string, std::string> documents;
  for (const char* name : kept_files)
    if (io::is_there(folder / name)) documents[name] = io::read_file(folder / name, most);
  return documents;
}

/// The ends of text of a generation_config.json. Error: ids that the model does not have.
inline std::vector<Index> read_ends(const io::Json& json, const std::string& what, Index vocabulary) {
  return read_ids(io::Reader(json, what), "eos_token_id", vocabulary);
}

/// Which weight of the model has the name; none where it has no such.
inline std::optional<std::pair<Slot, Index>> weight_of(std::string_view name, const Config& config) {
  constexpr std::string_view prefix = "model.layers.";
  Index layer = 0;
  if (name.starts_with(prefix)) std::from_chars(name.data() + prefix.size(), name.data() + name.size(), layer);
  const Index last = static_cast<Index>(config.tied ? Slot::final_norm : Slot::head);
  for (Index slot = layer >= 0 && layer < config.layers ? 0 : layer_slots; slot <= last; ++slot)
    if (name_of(static_cast<Slot>(slot), layer) == name) return std::pair{static_cast<Slot>(slot), layer};
  return std::nullopt;
}

/// The weights that the files lack; a few are named, and only as many looked for as are named or there.
inline Items missing_tensors(const io::WeightSource& source, const Config& config, Index lacking) {
  Items missing("missing");
  const auto look_for = [&](Slot slot, Index layer) {
    if (const std::string name = name_of(slot, layer); missing.count() < Items::most && !source.contains(name))
      missing.add(name);
  };
  for (Index layer = 0; layer < config.layers && missing.count() < std::min(lacking, Items::most); ++layer)
    for (Index slot = 0; slot < layer_slots; ++slot) look_for(static_cast<Slot>(slot), layer);
  for (const Slot slot : {Slot::embedding, Slot::final_norm}) look_for(slot, 0);
  if (!config.tied) look_for(Slot::head, 0);
  missing.add_unnamed(lacking - missing.count());
  return missing;
}

/// Old files keep RoPE's frequencies; of a tied head and a head in the file transformers takes the tied one.
inline bool ignored_tensor(std::string_view name, const Config& config) {
  return name.ends_with(".rotary_emb.inv_freq") || (config.tied && name == name_of(Slot::head, 0));
}

/// Error: tensors that are missing, of another shape (transposed, where they are), or not the model's; all at once. The
/// work is bounded by what the files hold, however many layers the configuration claims.
inline void check_tensors(const std::string& where, const io::WeightSource& source, const Config& config) {
  Items wrong("of the wrong shape"), extra("not of a llama");
  Index lacking = config.layers * layer_slots + (config.tied ? 2 : 3);
  for (const auto& name : source.names()) {
    const auto weight = weight_of(name, config);
    if (!weight) {
      if (!ignored_tensor(name, config)) extra.add(io::shown(name));
      continue;
    }
    --lacking;
    const Shape &got = source.shape(name), shape = shape_of(config, weight->first);
    const bool transposed = got.rank() == 2 && shape.rank() == 2 && got[0] == shape[1] && got[1] == shape[0];
    if (got != shape)
      wrong.add(concat(name, " must be ", shape, ", got ", got,
                       transposed ? " (transposed: files hold weights as (out, in))" : ""));
  }
  std::string faults = missing_tensors(source, config, lacking).text() + wrong.text() + extra.text();
  if (!config.tied && !source.contains(name_of(Slot::head, 0)))
    faults += "; if the head is the embedding, config.json must say \"tie_word_embeddings\": true";
  require(faults.empty(), where, ": the weights must be those that config.json describes", faults);
}

/// The config.json to write: what the model's own said where this library has nothing to say, then its sizes, then the
/// extra keys.
inline io::Json merged_config(const Config& config, std::string_view dtype,
                              const std::map<std::string, std::string>& documents, const io::Json& extra,
                              const std::string& where) {
  require(extra.is_object(), where, ": the extra keys of config.json must be an object");
  const io::Json own = llama_json(config, dtype);
  const auto before = documents.find("config.json");
  io::Json json = before == documents.end() ? io::Json::object() : io::parse(before->second, "config.json");
  if (json.contains("dtype")) json["dtype"] = dtype;  // torch_dtype, as transformers 5 calls it
  json.update(own);
  for (const auto& item : extra.items()) {
    require(!own.contains(item.key()), where, ": the extra key ", io::shown(item.key()),
            " is one of the model's own; choose another name");
    json[item.key()] = item.value();
  }
  return json;
}

/// Writes the files; config.json last, so that a new folder has one only when it is complete.
template <Scalar S>
void write_llama(const io::Path& folder, const Config& config, const std::map<std::string, std::string>& documents,
                 std::vector<io::NamedView<S>> weights, const io::Json& extra) {
  const std::string where = folder.string();
  const io::Json json =
      merged_config(config, sizeof(S) == sizeof(float) ? "float32" : "float64", documents, extra, where);
  const std::string text = io::dump(json, (folder / "config.json").string());
  io::make_folder(folder, where);
  io::write_safetensors<S>(folder / "model.safetensors", std::move(weights), {{"format", "pt"}});
  for (const auto& [name, content] : documents)
    if (name != "config.json") io::write_file(folder / name, content);
  io::write_file(folder / "config.json", text);
}

/// Views of anything with a name and a value.
template <Scalar S, Backend D, class Weights>
void save_weights(const io::Path& folder, const Backbone<S, D>& backbone, const Weights& weights,
                  const io::Json& extra) {
  std::deque<Tensor<S>> copies;
  std::vector<io::NamedView<S>> views;
  for (const auto& weight : weights) views.push_back({weight.name, on_host(weight, copies)});
  write_llama<S>(folder, backbone.config(), backbone.documents(), std::move(views), extra);
}

}  // namespace detail

/// The model of a Hugging Face llama folder (config.json, model.safetensors or its shards), converted to S from float,
/// double, bf16 or half precision. Tied heads; rotary_emb.inv_freq is ignored, and so is a head that config.json says
/// is tied, as transformers does. Error: everything llama_config and io::WeightSource refuse; tensors that are missing,
/// extra or of another shape, all at once; a generation_config.json whose ends of text cannot be read; NaN and
/// infinity.
template <Scalar S, Backend D>
std::shared_ptr<const Backbone<S, D>> load_llama(const io::Path& folder, const Use<S>& use = {}) {
  const auto source = io::WeightSource::open(folder);  // first, since it knows what the folder is if it is none of ours
  const io::Path path = folder / "config.json";
  const io::Json json = io::read_json(path);
  const Config config = llama_config(json, path.string());
  detail::check_tensors(folder.string(), source, config);
  if (const io::Path generation = folder / "generation_config.json";
      io::is_there(generation))  // before the weights, which take long
    detail::read_ends(io::read_json(generation), generation.string(), config.vocabulary);
  auto documents = detail::read_documents(folder);
  documents["config.json"] = json.dump();
  return std::make_shared<const Backbone<S, D>>(
      config, [&](Slot, Index, const std::string& name, const Shape&) { return to_device<S, D>(source.read<S>(name)); },
      use, std::move(documents));
}

/// Every token that ends a text: those of the model's config.json, and those of the generation_config.json that lay
/// beside it.
template <Scalar S, Backend D> std::set<Index> ends_of_text(const Backbone<S, D>& backbone) {
  std::set<Index> ends(backbone.config().eos.begin(), backbone.config().eos.end());
  const std::string name = "generation_config.json";
  if (const auto found = backbone.documents().find(name); found != backbone.documents().end()) {
    const auto more = detail::read_ends(io::parse(found->second, name), name, backbone.config().vocabulary);
    ends.insert(more.begin(), more.end());
  }
  return ends;
}

/// Writes a model as a folder that load_llama and transformers read, float as F32 and double as F64. Each file is
/// replaced whole or not at all. A model that was loaded keeps every key of its config.json that this library does not
/// write itself, and the small files beside it (generation settings, the tokenizer's JSON). extra: further keys, such
/// as {"neutra_tokenizer": "byte"}; a tokenizer.model is put beside it by whoever has one. Error: an extra key that is
/// the model's own; NaN or infinity in a weight; the folder or the disk.
template <Scalar S, Backend D>
void save_llama(const io::Path& folder, const Backbone<S, D>& backbone, const io::Json& extra = io::Json::object()) {
  detail::save_weights(folder, backbone, backbone.weights(), extra);
}

/// The same for the weights that a model works with: its own after thaw(), else the backbone's. An adapter is not part
/// of it (see save_adapter).
template <class A, Scalar S, Backend D>
void save_llama(const io::Path& folder, const Transformer<A, S, D>& model, const io::Json& extra = io::Json::object()) {
  if (!model.thawed()) return save_llama(folder, *model.backbone(), extra);
  detail::save_weights(folder, *model.backbone(), model.thawed_weights(), extra);
}

}}}  // namespace neutra::NEUTRA_ABI::nn
