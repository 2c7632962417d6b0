/// RoPE as a config.json describes it: its base, and how frequencies are scaled for longer contexts.
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
#include "neutra/io/utf8.hpp"
#include "neutra/nn/config.hpp"
#include "neutra/op/rope.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string>
#include <string_view>
#include <utility>
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

/// The kind under rope_type (or type, in older files). Error: another kind; two that differ.
template <class Reader> const RopeKind* read_kind(const Reader& rope, std::string_view object) {
  const std::string kind = rope.text("rope_type", rope.text("type", "default")), older = rope.text("type", kind);
  require(kind == older, rope.what(), ": ", object, ".rope_type (", io::printable(kind), ") and ", object, ".type (",
          io::printable(older), ") must agree; remove the wrong one");
  if (kind == "default") return nullptr;
  for (const RopeKind& known : rope_kinds())
    if (kind == known.name) return &known;
  fail(rope.what(), ": ", object, rope.has("rope_type") ? ".rope_type" : ".type",
       " must be one of \"default\", \"linear\", \"dynamic\", \"llama3\", \"yarn\", got \"", io::printable(kind),
       "\"; other kinds of RoPE scaling are not supported");
}

/// 0.1 m ln(factor) + 1, the growth of attention scores that YaRN makes up for.
inline double yarn_scale(double factor, double m = 1) { return factor <= 1 ? 1 : 0.1 * m * std::log(factor) + 1; }

template <class Reader> double read_attention_factor(const Reader& rope, double factor) {
  const double m = rope.number("mscale", 0.0), all = rope.number("mscale_all_dim", 0.0);
  const double fallback = m != 0 && all != 0 ? yarn_scale(factor, m) / yarn_scale(factor, all) : yarn_scale(factor);
  return rope.number("attention_factor", fallback);
}

/// Adds the settings of rope_scaling or rope_parameters.
template <class Reader> void read_scaling(const Reader& file, std::string_view object, Config& config) {
  const Reader rope = file.object(object);
  const RopeKind* kind = read_kind(rope, object);
  if (kind == nullptr) return;
  config.choices["rope_scaling"] = kind->name;
  for (const auto& [name, key, fallback] : kind->settings) {
    double& value = config.numbers[name];
    if (std::string_view(key) == "attention_factor")
      value = read_attention_factor(rope, config.numbers.at("rope_factor"));
    else if (std::string_view(key) != "original_max_position_embeddings")
      value = fallback < 0 ? rope.number(key) : rope.number(key, fallback);
    else if (kind->name == "dynamic")  // counts from the context, whatever this key says
      value = static_cast<double>(config.context);
    else
      value = rope.number(key, file.number(key, static_cast<double>(config.context)));
    require(value > 0, file.what(), ": ", object, ".", key, " must be positive, got ", value);
  }
  if (kind->name == "yarn") config.numbers["rope_truncate"] = rope.flag("truncate", true) ? 1 : 0;
  if (kind->name == "dynamic")
    config.context = static_cast<Index>(static_cast<double>(config.context) * config.numbers["rope_factor"]);
}

}  // namespace detail

/// Reads rope_theta and rope_scaling, or rope_parameters (transformers 5). config.context is read before.
/// Error: a kind that is not supported; a value that is not positive; both forms, if they differ.
template <class Reader> void read_rope(const Reader& file, Config& config, double default_theta = 10000.0) {
  double theta = file.number("rope_theta", default_theta);
  const Config bare = config;
  if (file.has("rope_scaling")) {
    const Reader scaling = file.object("rope_scaling");
    require(scaling.has("rope_type") || scaling.has("type"), file.what(),
            ": rope_scaling.rope_type is missing; write null for plain RoPE");
    detail::read_scaling(file, "rope_scaling", config);
  }
  if (file.has("rope_parameters")) {
    Config newer = bare;
    detail::read_scaling(file, "rope_parameters", newer);
    require(!file.has("rope_scaling") || (newer.numbers == config.numbers && newer.choices == config.choices),
            file.what(), ": rope_scaling and rope_parameters must agree; remove the wrong one");
    config = newer;
    const double inner = file.object("rope_parameters").number("rope_theta", theta);
    require(!file.has("rope_theta") || inner == theta, file.what(), ": rope_theta (", theta,
            ") and rope_parameters.rope_theta (", inner, ") must agree; remove the wrong one");
    theta = inner;
  }
  require(theta > 0, file.what(), ": rope_theta must be positive, got ", theta);
  config.numbers["rope_theta"] = theta;
}

/// The share of each head that RoPE rotates (partial_rotary_factor), 1 if the file names none.
template <class Reader> double read_rotated_share(const Reader& file, double fallback = 1) {
  const double share = file.number("partial_rotary_factor", fallback);
  if (!file.has("rope_parameters")) return share;
  return file.object("rope_parameters").number("partial_rotary_factor", share);
}

/// Writes the keys that read_rope reads, and max_position_embeddings.
template <class Json> void write_rope(const Config& config, Json& json) {
  json["rope_theta"] = config.numbers.at("rope_theta");
  json["rope_scaling"] = nullptr;
  json["max_position_embeddings"] = config.context;
  const auto name = config.choices.find("rope_scaling");
  if (name == config.choices.end()) return;
  Json rope = {{"rope_type", name->second}};
  for (const RopeKind& kind : rope_kinds())
    if (kind.name == name->second)
      for (const RopeSetting& setting : kind.settings) rope[setting.key] = config.numbers.at(setting.name);
  constexpr const char* trained = "original_max_position_embeddings";
  if (rope.contains(trained)) rope[trained] = static_cast<Index>(config.numbers.at("rope_trained_context"));
  if (name->second == "yarn") rope["truncate"] = detail::setting(config, "rope_truncate", 1) != 0;
  if (name->second == "dynamic") json["max_position_embeddings"] = rope[trained];
  json["rope_scaling"] = rope;
}

namespace detail {

/// Frequencies below M / high are kept, those above M / low divided, by wavelength; between them both are mixed.
inline void scale_llama3(std::vector<double>& frequencies, const Config& c) {
  const double factor = c.numbers.at("rope_factor"), trained = c.numbers.at("rope_trained_context"),
               low = c.numbers.at("rope_low_factor"), high = c.numbers.at("rope_high_factor");
  for (double& f : frequencies) {
    const double wavelength = 2 * std::numbers::pi / f;
    const double kept = std::clamp((trained / wavelength - low) / (high - low), 0.0, 1.0);
    f = wavelength < trained / high ? f : wavelength > trained / low ? f / factor : (1 - kept) * f / factor + kept * f;
  }
}

/// Pairs that turn more than beta_fast times in the trained context are kept, those below beta_slow divided.
inline void scale_yarn(std::vector<double>& frequencies, const Config& c, Index rotated) {
  const double width = static_cast<double>(rotated), factor = c.numbers.at("rope_factor");
  const auto pair_of = [&](double turns) {
    return width * std::log(c.numbers.at("rope_trained_context") / (turns * 2 * std::numbers::pi)) /
           (2 * std::log(c.numbers.at("rope_theta")));
  };
  double first = pair_of(c.numbers.at("rope_beta_fast")), last = pair_of(c.numbers.at("rope_beta_slow"));
  if (setting(c, "rope_truncate", 1) != 0) {
    first = std::floor(first);
    last = std::ceil(last);
  }
  first = std::max(first, 0.0);
  last = std::min(last, width - 1);
  if (first == last) last += 0.001;
  for (std::size_t p = 0; p < frequencies.size(); ++p) {
    const double divided = std::clamp((static_cast<double>(p) - first) / (last - first), 0.0, 1.0);
    frequencies[p] = frequencies[p] / factor * divided + frequencies[p] * (1 - divided);
  }
}

}  // namespace detail

/// The frequencies of a model at sequences of `length` tokens; `rotated`: elements of a head.
inline std::vector<double> scaled_frequencies(const Config& c, Index rotated, Index length) {
  const auto name = c.choices.find("rope_scaling");
  const std::string kind = name == c.choices.end() ? "default" : name->second;
  const double factor = detail::setting(c, "rope_factor", 1);
  double theta = c.numbers.at("rope_theta");
  if (kind == "dynamic") {
    const double trained = c.numbers.at("rope_trained_context"), width = static_cast<double>(rotated);
    const double grown = factor * std::max(static_cast<double>(length), trained) / trained - (factor - 1);
    theta *= std::pow(grown, width / (width - 2));
  }
  std::vector<double> frequencies = rope_frequencies(rotated, theta);
  if (kind == "linear")
    for (double& f : frequencies) f /= factor;
  if (kind == "llama3") detail::scale_llama3(frequencies, c);
  if (kind == "yarn") detail::scale_yarn(frequencies, c, rotated);
  return frequencies;
}

}}}  // namespace neutra::NEUTRA_ABI::nn
