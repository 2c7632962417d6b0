/// The tensors of a Hugging Face folder, under the names of its family.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/folder.hpp"
#include "neutra/nn/families.hpp"
#include "neutra/nn/host.hpp"
#include "neutra/nn/items.hpp"

#include <algorithm>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn { namespace detail {

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

/// The tensors with what they refer to.
struct FolderWeights {
  FolderWeights(io::WeightSource opened, const Config& config)
      : source(std::move(opened)), list(weight_list(config)), tensors(source, list) {}
  FolderWeights(const FolderWeights&) = delete;
  FolderWeights& operator=(const FolderWeights&) = delete;

  const io::WeightSource source;
  const WeightList list;
  const NamedTensors tensors;
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

}}}}  // namespace neutra::NEUTRA_ABI::nn::detail
