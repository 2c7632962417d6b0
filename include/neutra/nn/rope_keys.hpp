/// RoPE as a config.json describes it: rope_theta, rope_scaling or rope_parameters, partial_rotary_factor.
#pragma once

#include "neutra/io/utf8.hpp"
#include "neutra/nn/rope_settings.hpp"

#include <cmath>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

namespace detail {

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
  if (kind->name != "dynamic") return;
  const double longest = static_cast<double>(config.context) * config.numbers["rope_factor"];
  require(longest <= static_cast<double>(Limits::context), file.what(), ": ", object, ".factor times the context of ",
          config.context, " tokens must be at most ", Limits::context, ", got ", longest);
  config.context = static_cast<Index>(longest);
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
/// Reads the share of each head that RoPE rotates as the setting rotated_share, absent if it is 1.
/// Error: a share that is not an even number of the elements of a head.
template <class Reader> void read_rotated(const Reader& file, Config& config, double fallback = 1) {
  const double share = read_rotated_share(file, fallback);
  const Index rotated = static_cast<Index>(static_cast<double>(config.head_width) * share);
  require(rotated >= 2 && rotated <= config.head_width && rotated % 2 == 0, file.what(),
          ": partial_rotary_factor must rotate an even number of the ", config.head_width, " elements of a head, got ",
          share);
  if (rotated < config.head_width) config.numbers["rotated_share"] = share;
}
/// The keys that it reads. A file that has rope_parameters keeps them, so transformers 5 needs the share there too.
template <class Json> void write_rotated(const Config& config, Json& json) {
  const auto share = config.numbers.find("rotated_share");
  json["partial_rotary_factor"] = share == config.numbers.end() ? 1.0 : share->second;
}

/// Error: a partial_rotary_factor other than 1, for families that do not read it.
template <class Reader> void refuse_partial_rotation(const Reader& file) {
  const double share = read_rotated_share(file);
  require(share == 1, file.what(), ": partial_rotary_factor must be 1, got ", share,
          "; rotating a part of each head is not supported in this family");
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

}}}  // namespace neutra::NEUTRA_ABI::nn
