/// Writing LoRA in the layout of PEFT.
#pragma once

#include "neutra/adapter/weight_changes.hpp"
#include "neutra/io/output_file.hpp"
#include "neutra/io/safetensors_writer.hpp"
#include "neutra/nn/peft.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

namespace detail {

template <Scalar S> bool same_values(const Tensor<S>& a, const Tensor<S>& b) {
  return a.shape() == b.shape() && std::equal(a.data(), a.data() + a.size(), b.data());
}

/// One A and one B for all updates of the projections that a tensor stores: their ranks add up. Updates with the same A
/// share it, as the parts of a fused tensor did when they were read.
template <Scalar S> struct PeftModule {
  using Update = typename adapter::WeightChanges<S>::LowRank;
  struct Part {
    const Update* update;
    const WeightKind* kind;
  };

  Tensor<S> a, b;    // (r,in), (out,r)
  double scale = 0;  // the largest of its parts, by which those of B are expressed

  explicit PeftModule(const std::vector<Part>& parts) {
    std::vector<Index> first;  // the place of each part's A
    Index rank = 0;
    for (std::size_t part = 0; part < parts.size(); ++part) {
      if (std::abs(parts[part].update->scale) > std::abs(scale)) scale = parts[part].update->scale;
      std::size_t same = 0;
      while (same < part && !same_values(parts[same].update->a, parts[part].update->a)) ++same;
      first.push_back(same < part ? first[same] : rank);
      if (same == part) rank += parts[part].update->a.shape().rows();
    }
    if (scale == 0) scale = 1;
    const WeightKind& kind = *parts.front().kind;
    a = Tensor<S>({rank, kind.shape.cols()});
    b = Tensor<S>({kind.rows_in_file(), rank});
    for (std::size_t part = 0; part < parts.size(); ++part) add(parts[part], first[part]);
    drop_zeros();
  }
  Index rank() const { return a.shape().rows(); }

 private:
  void add(const Part& part, Index first) {
    const auto& [update, kind] = part;
    std::copy_n(update->a.data(), update->a.size(), a.data() + first * a.shape().cols());
    const auto factor = static_cast<S>(update->scale / scale);
    for (Index own = 0; own < update->b.shape().rows(); ++own)
      for (Index k = 0; k < update->b.shape().cols(); ++k)
        b.view()(kind->row_in_file(own), first + k) += factor * update->b.view()(own, k);
  }
  /// Drops what filled up a smaller rank.
  void drop_zeros() {
    std::vector<Index> kept;
    const auto all_zero = [](S* from, Index count, Index stride) {
      Index i = 0;
      while (i < count && from[i * stride] == S(0)) ++i;
      return i == count;
    };
    const Index rank = a.shape().rows(), in = a.shape().cols(), out = b.shape().rows();
    for (Index k = 0; k < rank; ++k)
      if (!all_zero(a.data() + k * in, in, 1) || !all_zero(b.data() + k, out, rank)) kept.push_back(k);
    if (static_cast<Index>(kept.size()) == rank) return;
    Tensor<S> fewer_a({static_cast<Index>(kept.size()), in}), fewer_b({out, static_cast<Index>(kept.size())});
    for (Index k = 0; k < fewer_a.shape().rows(); ++k) {
      const Index from = kept[static_cast<std::size_t>(k)];
      std::copy_n(a.data() + from * in, in, fewer_a.data() + k * in);
      for (Index row = 0; row < out; ++row) fewer_b.view()(row, k) = b.view()(row, from);
    }
    a = std::move(fewer_a);
    b = std::move(fewer_b);
  }
};

/// The names by which target_modules selects modules: the last part of their path, with what precedes it in a layer
/// where another module has the same; the whole path where other layers lack the module.
inline std::vector<std::string> peft_targets(const WeightList& list, const std::set<std::string>& modules) {
  std::map<std::string, std::set<std::string>> by_last;  // the modules of layer 0, by their last part
  for (Index kind = 0; kind < list.per_layer(); ++kind)
    if (const Weight weight = list.at(list.index_in_layer(kind, 0)); weight.kind.site) {
      const std::string path = module_of(list, weight);
      by_last[path.substr(path.rfind('.') + 1)].insert(path.substr(list.layer_prefix.size() + 2));
    }
  std::vector<std::string> targets;
  for (const auto& [last, in_layer] : by_last)
    for (const std::string& name : in_layer) {
      std::vector<std::string> found;
      for (Index layer = 0; layer < list.layers; ++layer)
        if (const std::string path = concat(list.layer_prefix, layer, ".", name); modules.contains(path))
          found.push_back(path);
      if (static_cast<Index>(found.size()) == list.layers) found = {in_layer.size() == 1 ? last : name};
      targets.insert(targets.end(), found.begin(), found.end());
    }
  return targets;
}

}  // namespace detail

/// Writes low-rank updates as a folder that PEFT loads, the weights first. Each file is replaced atomically.
/// base: where the model is, for base_model_name_or_path
/// Error: changes that are no LoRA; none at all; NaN or infinity; a disk error.
template <Scalar S>
void save_peft(const io::Path& folder, const adapter::WeightChanges<S>& changes, const Config& config,
               const std::string& base) {
  require(changes.units.empty(), folder.string(), ": the PEFT layout holds LoRA, but the adapter has residues; merge ",
          "them into the model");
  const WeightList list = weight_list(config);
  std::map<std::string, std::vector<typename detail::PeftModule<S>::Part>> parts;
  bool transposed = false;
  for (const auto& update : changes.low_rank) {
    const Weight weight = list.at(list.index_in_layer(list.kind_at(update.site), update.layer));
    parts[detail::module_of(list, weight)].push_back({&update, &weight.kind});
    transposed = weight.kind.stored.transposed;
  }
  std::map<std::string, detail::PeftModule<S>> modules;
  std::set<std::string> names;
  for (const auto& [path, of_module] : parts)
    if (detail::PeftModule<S> module(of_module); module.rank() > 0) {
      modules.emplace(path, std::move(module));
      names.insert(path);
    }
  require(!modules.empty(), folder.string(), ": there is no LoRA to write; the adapter changes no projection");

  const auto& first = modules.begin()->second;
  const auto alpha_of = [](const auto& module) { return module.scale * static_cast<double>(module.rank()); };
  io::Json ranks = io::Json::object(), alphas = io::Json::object();
  std::vector<io::NamedView<S>> views;
  for (const auto& [path, module] : modules) {
    if (module.rank() != first.rank()) ranks[path] = module.rank();
    if (alpha_of(module) != alpha_of(first)) alphas[path] = alpha_of(module);
    views.push_back({concat(detail::peft_prefix, path, detail::peft_a), module.a.view()});
    views.push_back({concat(detail::peft_prefix, path, detail::peft_b), module.b.view()});
  }
  const io::Json json = {{"peft_type", "LORA"},
                         {"task_type", "CAUSAL_LM"},
                         {"base_model_name_or_path", base},
                         {"r", first.rank()},
                         {"lora_alpha", alpha_of(first)},
                         {"rank_pattern", ranks},
                         {"alpha_pattern", alphas},
                         {"target_modules", detail::peft_targets(list, names)},
                         {"fan_in_fan_out", transposed},
                         {"use_rslora", false},
                         {"use_dora", false},
                         {"bias", "none"},
                         {"modules_to_save", nullptr},
                         {"lora_dropout", 0.0},
                         {"init_lora_weights", true},
                         {"inference_mode", true}};
  io::make_folder(folder, folder.string());
  io::write_safetensors<S>(folder / detail::peft_weights_file, std::move(views), {{"format", "pt"}});
  io::write_json(folder / detail::peft_config_file, json);
}

}}}  // namespace neutra::NEUTRA_ABI::nn
