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
#include "neutra/nn/items.hpp"
#include "neutra/nn/transformer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
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

/// The tensors of a folder by the names of the family, whether or not the files omit its prefix.
class NamedTensors {
 public:
  NamedTensors(const io::WeightSource& source, const WeightList& list) : source_(source), list_(list) {
    const std::string_view prefix = list.optional_prefix;
    const auto names = source.names();
    const bool there =
        std::any_of(names.begin(), names.end(), [&](const auto& name) { return name.starts_with(prefix); });
    if (!there) dropped_ = prefix;
  }

  bool contains(const std::string& full) const { return source_.contains(in_file(full)); }
  /// The first weight stored in a tensor of the files, or none.
  std::optional<Weight> held_by(const std::string& name) const {
    auto weight = list_.held_by(name);
    return weight || dropped_.empty() ? weight : list_.held_by(concat(dropped_, name));
  }
  /// The tensor that stores a weight.
  const io::Entry& entry(const Weight& weight) const { return source_.entry(in_file(list_.stored_name(weight))); }
  /// The values of a weight, in its layout in memory. A matrix keeps the type of the file if S is rounded to it; one
  /// that is stored as it is stays in the mapped file.
  template <Scalar S, Backend D> RowMajor<S, D> read(const Weight& weight) const {
    const std::string name = in_file(list_.stored_name(weight));
    if constexpr (std::derived_from<D, Host>) {
      if (weight.kind.shape.rank() == 2)
        if (auto values = matrix<S, D>(typename neutra::detail::StoredAs<S>::type{}, name, weight); !values.empty())
          return values;
    }
    Tensor<S> stored = source_.read<S>(name);
    return to_device<S, D>(weight.kind.stored.as_it_is() ? std::move(stored)
                                                         : from_file<S>(stored.view(), weight.kind));
  }

 private:
  /// A matrix whose type is among T; empty if it is not, or cannot be read in place.
  template <Scalar S, Backend D, class... T>
  RowMajor<S, D> matrix(Types<T...>, const std::string& name, const Weight& weight) const {
    RowMajor<S, D> values;
    const auto read_as = [&]<class As>() {
      if (source_.entry(name).dtype != io::dtype_of<As>()) return;
      const auto lent = source_.lend<As>(name);
      if (!lent) return;
      values = weight.kind.stored.as_it_is() ? RowMajor<S, D>(lent->values, lent->lender)
                                             : RowMajor<S, D>(from_file<As>(lent->values, weight.kind));
    };
    (read_as.template operator()<T>(), ...);
    return values;
  }
  /// A weight out of the tensor that stores it.
  template <class T> static Tensor<T> from_file(const View<const T>& stored, const WeightKind& kind) {
    constexpr Index most = 16;  // rows at a time, which are neighbours in a tensor that is stored transposed
    Tensor<T> values(kind.shape);
    const Index cols = kind.shape.rank() == 1 ? 1 : kind.shape.cols(), rows = values.size() / std::max<Index>(cols, 1);
    for (Index first = 0; first < rows; first += most)
      for (Index col = 0; col < cols; ++col)
        for (Index row = first; row < std::min(first + most, rows); ++row)
          values.data()[row * cols + col] = stored.data[kind.place_in_file(row, col)];
    return values;
  }
  std::string in_file(const std::string& full) const {
    return full.starts_with(dropped_) ? full.substr(dropped_.size()) : full;
  }
  const io::WeightSource& source_;
  const WeightList& list_;
  std::string_view dropped_{};
};

/// The missing tensors. Names at most Items::most of the `lacking` ones, and stops searching then.
inline Items missing_tensors(const NamedTensors& tensors, const WeightList& list, Index lacking) {
  Items missing("missing");
  const auto look_for = [&](const Weight& weight) {
    if (missing.count() >= std::min(lacking, Items::most) || weight.kind.stored.first > 0) return;
    if (const std::string name = list.stored_name(weight); !tensors.contains(name)) missing.add(name);
  };
  for (Index layer = 0; layer < list.layers && missing.count() < std::min(lacking, Items::most); ++layer)
    for (Index kind = 0; kind < list.per_layer(); ++kind) look_for(list.at(list.index_in_layer(kind, layer)));
  for (Index index = list.layers * list.per_layer(); index < list.count(); ++index) look_for(list.at(index));
  missing.add_unnamed(lacking - missing.count());
  return missing;
}

/// The number of tensors that store these weights.
inline Index tensors_of(const std::vector<WeightKind>& kinds) {
  return std::count_if(kinds.begin(), kinds.end(), [](const WeightKind& kind) { return kind.stored.first == 0; });
}

/// Error: in one message, tensors that are missing, of another shape (or transposed), or not part of the model. The
/// work is bounded by the contents of the files, however many layers the configuration claims.
inline void check_tensors(const std::string& where, const io::WeightSource& source, const Config& config) {
  const WeightList list = weight_list(config);
  const NamedTensors tensors(source, list);
  const std::string foreign = concat("not of a ", config.family);
  Items wrong("of the wrong shape"), extra(foreign);
  Index lacking = list.layers * tensors_of(list.of_layer) + tensors_of(list.of_all);
  for (const auto& name : source.names()) {
    const auto weight = tensors.held_by(name);
    if (!weight) {
      if (!list.ignores(name)) extra.add(io::printable(name));
      continue;
    }
    --lacking;
    const Shape &got = source.shape(name), shape = weight->kind.stored_shape();
    const bool transposed = got.rank() == 2 && shape.rank() == 2 && got[0] == shape[1] && got[1] == shape[0];
    if (got != shape)
      wrong.add(concat(name, " must be ", shape, ", got ", got,
                       !transposed                      ? ""
                       : weight->kind.stored.transposed ? " (transposed: it is stored as (in, out) in this family)"
                                                        : " (transposed: weights are stored as (out, in))"));
  }
  std::string faults = missing_tensors(tensors, list, lacking).text() + wrong.text() + extra.text();
  if (!config.tied && !tensors.contains(std::string(list.of_all.back().name)))
    faults += "; if the head is the embedding, config.json must say \"tie_word_embeddings\": true";
  require(faults.empty(), where, ": the weights must match config.json", faults);
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
  StoredTypes(const io::Path& source, const WeightList& list) : list_(list) {
    if (!std::filesystem::is_directory(source)) return;
    files_.emplace(io::WeightSource::open(source));
    tensors_.emplace(*files_, list_);
  }
  StoredTypes(const StoredTypes&) = delete;
  StoredTypes& operator=(const StoredTypes&) = delete;

  io::Dtype operator()(const Weight& weight) const {
    return tensors_ ? tensors_->entry(weight).dtype : io::dtype_of<S>();
  }

 private:
  WeightList list_;
  std::optional<io::WeightSource> files_;
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
  const auto source = io::WeightSource::open(folder);
  const io::Path path = folder / "config.json";
  const io::Json json = io::read_json(path);
  const Config config = read_config(json, path.string());
  detail::check_tensors(folder.string(), source, config);
  // Before the weights, which take long to read.
  if (const io::Path generation = folder / "generation_config.json"; io::is_there(generation))
    detail::read_ends(io::read_json(generation), generation.string(), config.vocabulary);
  auto documents = detail::read_documents(folder);
  documents["config.json"] = json.dump();
  const WeightList list = weight_list(config);
  const detail::NamedTensors tensors(source, list);
  const auto read = [&](const Weight& weight) { return tensors.read<S, D>(weight); };
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
