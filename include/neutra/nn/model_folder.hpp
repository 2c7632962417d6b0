/// Models as Hugging Face folders: reading and writing config.json and model.safetensors.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/folder.hpp"
#include "neutra/io/output_file.hpp"
#include "neutra/io/safetensors_writer.hpp"
#include "neutra/nn/backbone.hpp"
#include "neutra/nn/config_json.hpp"
#include "neutra/nn/fingerprint.hpp"
#include "neutra/nn/host.hpp"
#include "neutra/nn/named_tensors.hpp"
#include "neutra/nn/transformer.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <filesystem>
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

/// The other files of a folder that are copied to a saved model; tokenizer.model and the weights are not among them.
inline constexpr std::array<const char*, 9> kept_files = {"generation_config.json",
                                                          "tokenizer_config.json",
                                                          "special_tokens_map.json",
                                                          "added_tokens.json",
                                                          "tokenizer.json",
                                                          "vocab.json",
                                                          "merges.txt",
                                                          "chat_template.jinja",
                                                          "chat_template.json"};

inline std::map<std::string, std::string> read_documents(const io::Path& folder) {
  constexpr std::uint64_t most = 100'000'000;  // bytes; the largest tokenizer.json in use has 35 MB
  std::map<std::string, std::string> documents;
  for (const char* name : kept_files)
    if (io::is_there(folder / name)) documents[name] = io::read_file(folder / name, most);
  return documents;
}

/// The end-of-text tokens of a generation_config.json. Error: ids outside the vocabulary.
inline std::vector<Index> read_ends(const io::Json& json, const std::string& what, Index vocabulary) {
  return read_ids(io::Reader(json, what), "eos_token_id", vocabulary);
}

/// The config.json to write: the keys of the loaded one, overwritten by those of this library, and the extra keys.
inline io::Json merged_config(const Config& config, std::string_view dtype,
                              const std::map<std::string, std::string>& documents, const io::Json& extra,
                              const std::string& where) {
  require(extra.is_object(), where, ": the extra keys of config.json must be an object");
  const io::Json own = config_json(config, dtype);
  const auto before = documents.find("config.json");
  io::Json json = before == documents.end() ? io::Json::object() : io::parse(before->second, "config.json");
  if (json.contains("dtype")) json["dtype"] = dtype;  // the name of torch_dtype in transformers 5
  json.update(own);
  for (const auto& item : extra.items()) {
    require(!own.contains(item.key()), where, ": the extra key ", io::printable(item.key()),
            " is a key of the model; choose another name");
    json[item.key()] = item.value();
  }
  return json;
}

/// The name of a type in config.json; its own name if it is no floating-point type.
inline std::string_view torch_name(const io::Dtype& dtype) {
  constexpr std::array<std::array<std::string_view, 2>, 4> names = {
      {{"F32", "float32"}, {"F64", "float64"}, {"BF16", "bfloat16"}, {"F16", "float16"}}};
  for (const auto& [own, torch] : names)
    if (own == dtype.name) return torch;
  return dtype.name;
}

/// Writes the files, config.json last, so that a new folder has a config.json only once it is complete.
inline void write_model(const io::Path& folder, const Config& config, const io::Dtype& dtype,
                        const std::map<std::string, std::string>& documents, std::vector<io::TensorSource> tensors,
                        const io::Json& extra) {
  const std::string where = folder.string();
  const io::Json json = merged_config(config, torch_name(dtype), documents, extra, where);
  const std::string text = io::dump(json, (folder / "config.json").string());
  io::make_folder(folder, where);
  io::write_safetensors(folder / "model.safetensors", std::move(tensors), {{"format", "pt"}});
  for (const auto& [name, content] : documents)
    if (name != "config.json") io::write_file(folder / name, content);
  io::write_file(folder / "config.json", text);
}

/// Writes a model in the layout of its family, one tensor at a time.
/// values(index, copies): the values of a weight of the list, which `copies` may own
/// dtype(weight): the type of the tensor that stores it
template <Scalar S, class Values, class Type>
void save_weights(const io::Path& folder, const Config& config, const std::map<std::string, std::string>& documents,
                  const io::Json& extra, const Values& values, const Type& dtype) {
  const WeightList list = weight_list(config);
  std::map<std::string, std::vector<Index>> held;  // the weights that a tensor stores
  for (Index index = 0; index < list.count(); ++index) held[list.stored_name(list.at(index))].push_back(index);
  std::vector<io::TensorSource> tensors;
  for (const auto& tensor : held) {
    const Weight first = list.at(tensor.second.front());
    const auto write = [&, type = dtype(first), as_it_is = first.kind.stored.as_it_is(),
                        shape = first.kind.stored_shape()](io::OutputFile& file) {
      std::deque<Tensor<S>> copies;
      if (as_it_is) return io::write_elements<S>(file, tensor.first, values(tensor.second.front(), copies), type);
      Tensor<S> stored(shape);
      for (const Index index : tensor.second) {
        const View<const S> part = values(index, copies);
        for (Index i = 0; i < part.size(); ++i) stored.data()[list.at(index).kind.place_in_file(i)] = part.data[i];
      }
      io::write_elements<S>(file, tensor.first, stored.view(), type);
    };
    tensors.push_back({tensor.first, dtype(first), first.kind.stored_shape(), write});
  }
  const Weight embedding = list.at(list.index_of_all(0));
  write_model(folder, config, dtype(embedding), documents, std::move(tensors), extra);
}

/// The type of the tensor that stores a weight in the files of a folder; that of S if `source` is no folder.
template <Scalar S> class StoredTypes {
 public:
  /// list: of the model in the folder
  StoredTypes(const io::Path& source, const WeightList& list) {
    if (std::filesystem::is_directory(source)) tensors_.emplace(io::WeightSource::open(source), list);
  }
  io::Dtype operator()(const Weight& weight) const {
    return tensors_ ? tensors_->entry(weight).dtype : io::dtype_of<S>();
  }

 private:
  std::optional<NamedTensors> tensors_;
};

/// Saves the weights of the backbone, or the thawed copies that replace them.
template <Scalar S, Backend D>
void save_weights(const io::Path& folder, const Backbone<S, D>& backbone, const Thawed<S, D>& thawed,
                  const io::Json& extra, const io::Path& source = {}) {
  const auto values = [&](Index index, std::deque<Tensor<S>>& copies) {
    const auto place = static_cast<std::size_t>(index);
    const bool trained = !thawed.empty() && thawed[place];
    return trained ? on_host(thawed[place]->value, copies) : on_host(backbone.weights()[place], copies);
  };
  save_weights<S>(folder, backbone.config(), backbone.documents(), extra, values,
                  StoredTypes<S>(source, backbone.list()));
}

}  // namespace detail

/// Loads the model of a Hugging Face folder (config.json, model.safetensors or its shards), converted to S from float,
/// double, bf16 or half precision. The head is the embedding if config.json says that it is tied, as in transformers.
/// Error: the Errors of read_config and io::WeightSource; in one message, tensors that are missing, extra or of another
/// shape; a generation_config.json whose end-of-text tokens cannot be read; NaN and infinity.
template <Scalar S, Backend D>
std::shared_ptr<const Backbone<S, D>> load_model(const io::Path& folder, const Use<S>& use = {}) {
  // First, because it names the kind of a folder that is not supported.
  auto source = io::WeightSource::open(folder);
  const io::Path path = folder / "config.json";
  const io::Json json = io::read_json(path);
  const Config config = read_config(json, path.string());
  const auto tensors = std::make_shared<const detail::NamedTensors>(std::move(source), weight_list(config));
  detail::check_tensors(folder.string(), *tensors, config);
  // Before the weights, which take long to read.
  if (const io::Path generation = folder / "generation_config.json"; io::is_there(generation))
    detail::read_ends(io::read_json(generation), generation.string(), config.vocabulary);
  auto documents = detail::read_documents(folder);
  documents["config.json"] = json.dump();
  const auto read = [tensors](const Weight& weight) { return tensors->template read<S, D>(weight); };
  return backbone_of<S, D>(config, read, use, std::move(documents));
}

/// All end-of-text tokens: those of config.json, and those of generation_config.json if there is one.
template <Scalar S, Backend D> std::set<Index> ends_of_text(const Backbone<S, D>& backbone) {
  std::set<Index> ends(backbone.config().eos.begin(), backbone.config().eos.end());
  const std::string name = "generation_config.json";
  if (const auto found = backbone.documents().find(name); found != backbone.documents().end()) {
    const auto more = detail::read_ends(io::parse(found->second, name), name, backbone.config().vocabulary);
    ends.insert(more.begin(), more.end());
  }
  return ends;
}

/// Writes a model as a folder that load_model and transformers read, float as F32 and double as F64. Each file is
/// replaced atomically. A loaded model keeps the keys of its config.json that this library does not write, and the
/// small files beside it (generation settings, the JSON of the tokenizer); tokenizer.model is left to the caller.
/// extra: further keys of config.json, such as {"neutra_tokenizer": "byte"}
/// Error: an extra key that the model has; NaN or infinity in a weight; a disk error.
template <Scalar S, Backend D>
void save_model(const io::Path& folder, const Backbone<S, D>& backbone, const io::Json& extra = io::Json::object()) {
  detail::save_weights(folder, backbone, {}, extra);
}

/// Writes the weights that a model uses: its own where they are thawed, else those of the backbone. For the adapter see
/// save_adapter.
/// source: the folder that the model was loaded from; each tensor then has the type that it has there, to whose nearest
/// value weights are rounded. Error: values that the type cannot hold.
template <class A, Scalar S, Backend D>
void save_model(const io::Path& folder, const Transformer<A, S, D>& model, const io::Json& extra = io::Json::object(),
                const io::Path& source = {}) {
  detail::save_weights(folder, *model.backbone(), model.thawed_weights(), extra, source);
}

}}}  // namespace neutra::NEUTRA_ABI::nn
