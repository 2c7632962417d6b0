/// LoRA in the layout of PEFT: a folder with adapter_config.json and adapter_model.safetensors.
///     base_model.model.MODULE.lora_A.weight (r,in)      base_model.model.MODULE.lora_B.weight (out,r)
#pragma once

#include "neutra/adapter/lora.hpp"
#include "neutra/autodiff/parameter.hpp"
#include "neutra/io/folder_kind.hpp"
#include "neutra/io/safetensors.hpp"
#include "neutra/io/sealed.hpp"
#include "neutra/io/sha256.hpp"
#include "neutra/nn/families.hpp"
#include "neutra/nn/host.hpp"
#include "neutra/nn/peft_config.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

namespace detail {
inline constexpr const char* peft_config_file = "adapter_config.json";
inline constexpr const char* peft_weights_file = "adapter_model.safetensors";
inline constexpr std::string_view peft_prefix = "base_model.model.", peft_a = ".lora_A.weight",
                                  peft_b = ".lora_B.weight";

/// The module that has a weight stored in a file: transformer.h.0.attn.c_attn
inline std::string module_of(const WeightList& list, const Weight& weight) {
  const std::string name = list.stored_name(weight);
  return name.substr(0, name.rfind('.'));
}
inline std::string lora_name(Index layer, adapter::Site site) {
  return concat("adapter.", layer, ".", to_string(site), ".lora_");
}
}  // namespace detail

/// A LoRA read from the layout of PEFT.
class PeftLora {
 public:
  /// The folder of a LoRA that `path` names: the folder itself, or the file of its weights; none if it is no PEFT
  /// adapter.
  static std::optional<io::Path> folder_of(const io::Path& path) {
    std::error_code error;
    const bool folder = std::filesystem::is_directory(path, error);
    const io::Path home = folder ? path : path.parent_path();
    const bool named = folder || (path.filename() == detail::peft_weights_file &&
                                  !io::is_there(io::Path(path).replace_extension(".json")));  // else our own
    if (!named || !io::is_there(home / detail::peft_config_file)) return std::nullopt;
    if (folder && io::is_there(home / "adapters.safetensors")) return std::nullopt;  // of mlx-lm
    return home;
  }

  /// Reads the configuration, and the names and shapes of the weights.
  /// Error: see read_peft_config; weights in a pickle, or none; in one message, tensors that are no A and B, that lack
  /// their counterpart, or that have another rank than the configuration says.
  explicit PeftLora(const io::Path& folder)
      : config_file_((folder / detail::peft_config_file).string()),
        config_(read_peft_config(io::read_json(folder / detail::peft_config_file), config_file_)),
        weights_(open(folder)) {
    read_modules();
  }

  const io::Path& path() const { return weights_.path(); }
  /// Of the configuration and the weights.
  std::string sha256() const {
    return io::sha256_hex(io::read_file(config_file_, io::max_small_json) + io::file_sha256(path()));
  }

  /// The adapter that computes the same in a model: at every projection that the files adapt in some layer, of the
  /// largest rank. A smaller A or B is filled with zeros, as is one that the files lack in other layers.
  /// Error: in one message, everything that does not fit the model.
  adapter::Lora lora(const Config& config) const {
    const std::vector<Place> all = places(config);
    adapter::Lora lora{.sites = {}, .scale = scale_of(all)};
    for (std::size_t index = 0; index < adapter::projection_sites; ++index)
      if (const auto site = static_cast<adapter::Site>(index);
          std::any_of(all.begin(), all.end(), [&](const Place& place) { return place.kind.site == site; }))
        lora.sites.push_back(site);
    for (const Place& place : all) lora.rank = std::max(lora.rank, place.module->rank);
    return lora;
  }

  /// Loads the parameters of that adapter. After an Error they are unchanged. Error: see lora(); NaN and infinity.
  template <Scalar S, Backend D>
  void load(const std::vector<Parameter<S, D>*>& parameters, const Config& config) const {
    const std::vector<Place> all = places(config);
    std::map<std::string, Tensor<S>> values;
    for (const Place& place : all) {
      const std::string name = detail::lora_name(place.layer, *place.kind.site);
      values.emplace(name + "a", weights_.read<S>(concat(detail::peft_prefix, place.path, detail::peft_a)));
      values.emplace(name + "b", rows_of_b<S>(place, scale_of(all)));
    }
    for (auto* parameter : parameters) {
      Tensor<S> padded(parameter->value.shape());
      if (const auto found = values.find(parameter->name); found != values.end()) pad(found->second, padded);
      upload<S, D>(padded, parameter->value);
    }
  }

 private:
  struct Module {
    Index rank = 0, inputs = 0, outputs = 0;
    double scale = 0;
  };
  /// A module of the files at a projection of a layer.
  struct Place {
    WeightKind kind;
    Index layer;
    std::string path;
    const Module* module;
  };

  /// The largest scale of all, by which those of B are expressed; 1 if there is none.
  static double scale_of(const std::vector<Place>& all) {
    double most = 0;
    for (const Place& place : all)
      if (std::abs(place.module->scale) > std::abs(most)) most = place.module->scale;
    return most == 0 ? 1 : most;
  }
  static io::Safetensors open(const io::Path& folder) {
    require(io::is_there(folder / detail::peft_weights_file), folder.string(), ": must hold ",
            detail::peft_weights_file, " beside adapter_config.json, got ",
            io::is_there(folder / "adapter_model.bin")
                ? "adapter_model.bin, a pickle, which can run code when it is loaded and is not read; save it with "
                  "save_pretrained(..., safe_serialization=True)"
                : "none; copy it from where the adapter was saved");
    return io::Safetensors::open(folder / detail::peft_weights_file);
  }

  void read_modules() {
    detail::Items foreign("not A and B of a LoRA"), lone("without its counterpart"), wrong("of the wrong shape");
    for (const io::Entry& entry : weights_.entries()) {
      const std::string_view name = entry.name;
      const bool a = name.ends_with(detail::peft_a), b = name.ends_with(detail::peft_b);
      if (!name.starts_with(detail::peft_prefix) || !(a || b) || entry.shape.rank() != 2) {
        foreign.add(io::printable(name));
        continue;
      }
      const std::string_view ending = a ? detail::peft_a : detail::peft_b, other = a ? detail::peft_b : detail::peft_a;
      const std::string path(
          name.substr(detail::peft_prefix.size(), name.size() - detail::peft_prefix.size() - ending.size()));
      if (!weights_.contains(concat(detail::peft_prefix, path, other))) lone.add(io::printable(name));
      Module& to = modules_[path];
      const Index rank = config_.rank_of(path, config_file_);
      to.rank = rank;
      to.scale = config_.scale_of(path, rank, config_file_);
      (a ? to.inputs : to.outputs) = a ? entry.shape.cols() : entry.shape.rows();
      if (const Index got = a ? entry.shape.rows() : entry.shape.cols(); got != rank)
        wrong.add(concat(io::printable(name), " must have the rank ", rank, " of ", detail::peft_config_file, ", got ",
                         entry.shape));
    }
    const std::string faults = foreign.text() + lone.text() + wrong.text();
    require(faults.empty(), weights_.path().string(), ": must hold the A and B of each module", faults);
    require(!modules_.empty(), weights_.path().string(), ": must hold the A and B of a module, got no tensors");
  }

  /// Error: in one message, modules that the model lacks, of other sizes, or that the files lack; matrices of the model
  /// stored otherwise than fan_in_fan_out says. Modules that the configuration does not name: PEFT would not apply
  /// them.
  std::vector<Place> places(const Config& config) const {
    detail::Items wrong("of the wrong shape"), missing("named by target_modules, but not in the file"),
        extra("no projection of the model"), unnamed("not named");
    std::vector<Place> all;
    std::set<std::string> known;
    bool transposed = config_.transposed;
    const WeightList list = weight_list(config);
    for (Index index = 0; index < list.layers * list.per_layer(); ++index) {
      const Weight weight = list.at(index);
      if (!weight.kind.site) continue;
      const std::string path = detail::module_of(list, weight);
      const bool first = known.insert(path).second;
      const auto found = modules_.find(path);
      if (found == modules_.end()) {
        if (first && !config_.narrowed && config_.targets_module(path, weight.layer)) missing.add(path);
        continue;
      }
      if (first && !config_.targets.empty() && !config_.targets_module(path, weight.layer)) unnamed.add(path);
      const Module& module = found->second;
      if (const Index out = weight.kind.rows_in_file(), in = weight.kind.shape.cols();
          first && (module.inputs != in || module.outputs != out))
        wrong.add(concat(path, " maps ", in, " to ", out, ", the adapter ", module.inputs, " to ", module.outputs));
      else if (first && module.rank > std::max(in, out))  // bounds the memory of what is filled with zeros
        wrong.add(concat(path, " must have a rank of at most ", std::max(in, out), ", got ", module.rank));
      transposed = weight.kind.stored.transposed;
      all.push_back({weight.kind, weight.layer, path, &module});
    }
    for (const auto& [path, module] : modules_)
      if (!known.contains(path)) extra.add(io::printable(path));
    std::string faults = extra.text() + missing.text() + wrong.text();
    if (transposed != config_.transposed)
      faults += concat("; fan_in_fan_out must be ", transposed, " for a ", config.family, ", got ", !transposed);
    require(faults.empty(), path().string(), ": the adapter must fit the model", faults,
            "; load the model that it was made for");
    require(unnamed.count() == 0, path().string(), ": must hold only modules that target_modules and ",
            "layers_to_transform of ", detail::peft_config_file, " name", unnamed.text(),
            "; PEFT leaves them out when it loads the adapter: name them there, or remove them from the file");
    return all;
  }

  /// The rows of B that belong to a projection, which may be a part of a module; times its scale / scale.
  template <Scalar S> Tensor<S> rows_of_b(const Place& place, double scale) const {
    const Tensor<S> whole = weights_.read<S>(concat(detail::peft_prefix, place.path, detail::peft_b));
    const auto factor = static_cast<S>(place.module->scale / scale);
    Tensor<S> part({place.kind.shape.rows(), place.module->rank});
    for (Index row = 0; row < part.shape().rows(); ++row)
      for (Index k = 0; k < part.shape().cols(); ++k)
        part.view()(row, k) = factor * whole.view()(place.kind.row_in_file(row), k);
    return part;
  }
  template <Scalar S> static void pad(const Tensor<S>& values, Tensor<S>& into) {
    for (Index row = 0; row < values.shape().rows(); ++row)
      std::copy_n(values.data() + row * values.shape().cols(), values.shape().cols(),
                  into.data() + row * into.shape().cols());
  }

  std::string config_file_;
  PeftConfig config_;
  io::Safetensors weights_;
  std::map<std::string, Module> modules_;  // by path in the model
};

}}}  // namespace neutra::NEUTRA_ABI::nn
