/// The adapter_config.json of a LoRA in the layout of PEFT.      github.com/huggingface/peft, tuners/lora/config.py
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/json.hpp"
#include "neutra/nn/items.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

namespace detail {

/// Keys by which a LoRA computes another function, or holds other tensors than A and B.
inline constexpr std::array<std::string_view, 12> peft_refused = {
    "use_dora",          "lora_bias",         "use_qalora",
    "use_bdlora",        "modules_to_save",   "trainable_token_indices",
    "kasa_config",       "layer_replication", "alora_invocation_tokens",
    "target_parameters", "arrow_config",      "monteclora_config"};
/// Initialisations that leave the weights of the base as they are.
inline constexpr std::array<std::string_view, 3> peft_inits = {"gaussian", "eva", "orthogonal"};

inline bool is_set(const io::Json& value) {
  return !(value.is_null() || value == false || ((value.is_structured() || value.is_string()) && value.empty()));
}
inline std::string received_text(const io::Json& value) {
  return io::printable(value.dump(-1, ' ', false, io::Json::error_handler_t::replace));
}

/// Error: keys that change what a LoRA computes, all in one message.
inline void refuse_peft_keys(const io::Reader& file) {
  const std::string type = file.text("peft_type");
  require(type == "LORA", file.what(), ": peft_type must be \"LORA\", got \"", io::printable(type),
          "\"; other adapters of PEFT are not supported");
  Items refused("not supported");
  for (const std::string_view key : peft_refused)
    if (const io::Json value = file.json().value(key, io::Json()); is_set(value))
      refused.add(concat(key, " ", received_text(value)));
  if (const std::string bias = file.text("bias", "none"); bias != "none")
    refused.add(concat("bias \"", io::printable(bias), '"'));
  const io::Json init = file.json().value("init_lora_weights", io::Json());
  const bool plain =
      init.is_null() || init.is_boolean() || std::find(peft_inits.begin(), peft_inits.end(), init) != peft_inits.end();
  if (!plain) refused.add(concat("init_lora_weights ", received_text(init), " (it changes the weights of the base)"));
  require(refused.count() == 0, file.what(), ": must be a plain LoRA", refused.text(),
          "; merge it into its model (merge_and_unload()) and give that as --model");
}

}  // namespace detail

/// What of an adapter_config.json determines a LoRA.
struct PeftConfig {
  /// Numbers for some modules, by their path or an end of it.
  using Pattern = std::map<std::string, double>;

  Index rank = 8;
  double alpha = 8;
  bool rank_stabilised = false;        // use_rslora
  bool transposed = false;             // fan_in_fan_out: the base stores its matrices as (in,out)
  std::vector<std::string> targets{};  // paths of modules, or ends of them; empty if they are an expression
  std::vector<Index> layers{};         // layers_to_transform; empty: all
  bool narrowed = false;               // whether more modules may be left out, by exclude_modules or layers_pattern
  Pattern ranks{}, alphas{};

  /// Whether an item of targets, or a key of a pattern, names a module. "^" in front asks for the whole path.
  static bool names(std::string_view item, std::string_view module) {
    if (item.starts_with('^')) return item.substr(1) == module;
    const bool ends = module.ends_with(item);
    return ends && (module.size() == item.size() || module[module.size() - item.size() - 1] == '.');
  }
  Index rank_of(const std::string& module, const std::string& what) const {
    return static_cast<Index>(number_of(module, ranks, static_cast<double>(rank), what + ": rank_pattern"));
  }
  /// alpha / r, or alpha / sqrt(r) if rank-stabilised (Kalajdzievski 2023, arXiv 2312.03732). Error: an alpha that
  /// float cannot hold.
  double scale_of(const std::string& module, Index r, const std::string& what) const {
    const auto ranked = static_cast<double>(r);
    const double given = number_of(module, alphas, alpha, what + ": alpha_pattern");
    require(std::abs(given) < 1e30, what, ": the alpha of ", module, " must be a number that float can hold, got ",
            given);
    return given / (rank_stabilised ? std::sqrt(ranked) : ranked);
  }
  /// Whether target_modules and layers_to_transform name a module of a layer.
  bool targets_module(const std::string& module, Index layer) const {
    const bool in_layers = layers.empty() || std::find(layers.begin(), layers.end(), layer) != layers.end();
    return in_layers && std::any_of(targets.begin(), targets.end(), [&](const auto& i) { return names(i, module); });
  }

 private:
  /// Error: two keys that name the module with different numbers. PEFT takes the first in the file.
  static double number_of(const std::string& module, const Pattern& pattern, double fallback, const std::string& what) {
    const std::pair<const std::string, double>* found = nullptr;
    for (const auto& entry : pattern) {
      if (!names(entry.first, module)) continue;
      require(!found || found->second == entry.second, what, " must give ", module, " one number, got ",
              found ? found->second : 0, " and ", entry.second, "; leave one of the keys out");
      found = &entry;
    }
    return found ? found->second : fallback;
  }
};

namespace detail {

/// A pattern of positive numbers. Error: a key that is an expression for several modules.
inline PeftConfig::Pattern read_peft_pattern(const io::Reader& file, std::string_view key, bool whole) {
  PeftConfig::Pattern pattern;
  if (!file.has(key)) return pattern;
  const io::Reader members = file.object(key);
  for (const auto& item : members.json().items()) {
    std::string name = item.key();
    for (std::size_t at = name.find("\\."); at != name.npos; at = name.find("\\.", at)) name.erase(at, 1);
    require(!name.empty() && name.find_first_of("\\*+?()[]{}|$^", name.starts_with('^')) == name.npos, file.what(),
            ": a key of ", key, " must be the path of a module or an end of it, got the expression \"",
            io::printable(item.key()), "\"; write its modules out");
    const double number = whole ? static_cast<double>(members.positive(item.key())) : members.number(item.key());
    pattern.emplace(std::move(name), number);
  }
  return pattern;
}

}  // namespace detail

/// Reads an adapter_config.json. Keys that do not affect inference are ignored, as PEFT ignores unknown keys.
/// Error: another kind of adapter; settings that change the function and are not supported, all in one message; a key
/// of another type.
inline PeftConfig read_peft_config(const io::Json& json, const std::string& what) {
  const io::Reader file(json, what);
  detail::refuse_peft_keys(file);
  PeftConfig config{.rank = file.positive("r", 8),
                    .alpha = file.number("lora_alpha", 8.0),
                    .rank_stabilised = file.flag("use_rslora", false),
                    .transposed = file.flag("fan_in_fan_out", false)};
  if (file.value("target_modules").is_array()) config.targets = file.texts("target_modules");
  if (file.has("layers_to_transform"))  // a list or a number
    config.layers = file.value("layers_to_transform").is_array() ? file.integers("layers_to_transform")
                                                                 : std::vector{file.integer("layers_to_transform")};
  for (const std::string_view key : {"layers_pattern", "exclude_modules"})
    config.narrowed = config.narrowed || detail::is_set(file.json().value(key, io::Json()));
  config.ranks = detail::read_peft_pattern(file, "rank_pattern", true);
  config.alphas = detail::read_peft_pattern(file, "alpha_pattern", false);
  return config;
}

}}}  // namespace neutra::NEUTRA_ABI::nn
