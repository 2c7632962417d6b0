/// The settings of RoPE: its base, and how frequencies are scaled for longer contexts.
/// Dynamic NTK and linear scaling: as in transformers, modeling_rope_utils.py; YaRN: Peng et al. 2023, arXiv
/// 2309.00071; llama3: Llama 3.1
///
/// Settings in Config::numbers: rope_theta, and by the kind in Config::choices, rope_scaling:
///   linear   rope_factor
///   dynamic  rope_factor, rope_trained_context; the context is their product
///   llama3   rope_factor, rope_trained_context, rope_low_factor, rope_high_factor
///   yarn     rope_factor, rope_trained_context, rope_beta_fast, rope_beta_slow, rope_truncate (0 or 1),
///            rope_attention_factor
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/nn/family.hpp"

#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// A setting, the key of config.json that holds it, and its default; a negative default: the key is required.
struct RopeSetting {
  const char *name, *key;
  double fallback;
};

/// A kind of scaling. rope_trained_context and rope_attention_factor have defaults of their own (see read_scaling).
struct RopeKind {
  std::string_view name;
  std::vector<RopeSetting> settings;
};

inline const std::array<RopeKind, 4>& rope_kinds() {
  const RopeSetting factor{"rope_factor", "factor", -1},
      trained{"rope_trained_context", "original_max_position_embeddings", -1};
  static const std::array<RopeKind, 4> all = {
      {{"linear", {factor}},
       {"dynamic", {factor, trained}},
       {"llama3",
        {factor, trained, {"rope_low_factor", "low_freq_factor", -1}, {"rope_high_factor", "high_freq_factor", -1}}},
       {"yarn",
        {factor,
         trained,
         {"rope_beta_fast", "beta_fast", 32},
         {"rope_beta_slow", "beta_slow", 1},
         {"rope_attention_factor", "attention_factor", -1}}}}};
  return all;
}

/// Appends what is wrong with the settings of RoPE in a config.
inline void check_rope(const Config& config, std::string& faults) {
  const auto positive = [&](const std::string& name) {
    const auto found = config.numbers.find(name);
    const double value = found == config.numbers.end() ? 0 : found->second;
    if (!(value > 0) || !std::isfinite(value)) faults += concat("; ", name, " must be positive, got ", value);
  };
  positive("rope_theta");
  const auto chosen = config.choices.find("rope_scaling");
  if (chosen == config.choices.end()) return;
  bool known = false;
  for (const RopeKind& kind : rope_kinds()) {
    if (kind.name != chosen->second) continue;
    known = true;
    for (const RopeSetting& setting : kind.settings) positive(setting.name);
  }
  if (!known) faults += concat("; rope_scaling must be linear, dynamic, llama3 or yarn, got ", chosen->second);
}

/// Whether RoPE has a setting of this name, which a config may lack.
inline bool is_rope_setting(std::string_view name) {
  if (name == "rope_scaling" || name == "rope_truncate") return true;
  for (const RopeKind& kind : rope_kinds())
    for (const RopeSetting& setting : kind.settings)
      if (name == setting.name) return true;
  return false;
}

namespace detail {

inline double setting(const Config& config, const std::string& name, double fallback = 0) {
  const auto found = config.numbers.find(name);
  return found == config.numbers.end() ? fallback : found->second;
}

}  // namespace detail

}}}  // namespace neutra::NEUTRA_ABI::nn
