/// The model families, selected by name; no other file lists them.
#pragma once

#include "neutra/nn/families/gemma.hpp"
#include "neutra/nn/families/gemma2.hpp"
#include "neutra/nn/families/gemma3.hpp"
#include "neutra/nn/families/gpt2.hpp"
#include "neutra/nn/families/gpt_neox.hpp"
#include "neutra/nn/families/llama.hpp"
#include "neutra/nn/families/mistral.hpp"
#include "neutra/nn/families/olmo2.hpp"
#include "neutra/nn/families/phi3.hpp"
#include "neutra/nn/families/qwen2.hpp"
#include "neutra/nn/families/qwen3.hpp"
#include "neutra/nn/families/smollm3.hpp"

#include <cmath>
#include <memory>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// Families by the model_type of a config.json (see family.hpp for the members of each).
template <class... F> struct FamilyList {
  /// The names, as in:  "llama", "gpt2"
  static std::string names() {
    std::string all;
    ((all += concat(all.empty() ? "\"" : ", \"", F::name, '"')), ...);
    return all;
  }
  /// Calls run(family) with the family of this name. Error: there is none; `what` begins the message.
  template <class Run> static auto choose(std::string_view name, std::string_view what, const Run& run) {
    return choose_among<Run, F...>(name, what, run);
  }

 private:
  template <class Run, class First, class... Rest>
  static auto choose_among(std::string_view name, std::string_view what, const Run& run) {
    if (name == First::name) return run(First{});
    if constexpr (sizeof...(Rest) > 0)
      return choose_among<Run, Rest...>(name, what, run);
    else
      fail(what, " must be ", sizeof...(F) > 1 ? "one of " : "", names(), ", got \"", io::printable(name),
           "\"; other families are not supported");
  }
};

using Families =
    FamilyList<family::Llama, family::Gpt2, family::Mistral, family::Qwen2, family::Qwen3, family::Gemma,
               family::Gemma2, family::Gemma3, family::Phi3, family::SmolLm3, family::Olmo2, family::GptNeoX>;

/// The weights of a model, by its complete configuration.
template <class List = Families> WeightList weight_list(const Config& config) {
  return List::choose(config.family, "model: the family", [&](auto of) { return of.weights(config); });
}

/// A configuration without sizes, with the default settings of the family. Error: there is no such family; `what`
/// begins the message.
inline Config settings_of(const std::string& family, std::string_view what) {
  Config config{.family = family};
  std::string ignored;  // faults of the missing sizes
  Families::choose(family, what, [&](auto of) { of.complete(config, ignored); });
  return config;
}

/// Whether a family has a setting of this name that a model may lack (F::has_setting, if there is one).
inline bool has_setting(const std::string& family, const std::string& name) {
  return Families::choose(family, "model: the family", [&]<class F>(F) {
    if constexpr (requires { F::has_setting(name); })
      return F::has_setting(name);
    else
      return false;
  });
}

/// The decoder of the family of a configuration.
template <Scalar S, Backend D> std::unique_ptr<Decoder<S, D>> decoder_of(const Config& config) {
  return Families::choose(config.family, "model: the family", [&]<class F>(F) -> std::unique_ptr<Decoder<S, D>> {
    return std::make_unique<typename F::template Blocks<S, D>>(config);
  });
}

template <class List> void Config::complete_as_one_of() {
  std::string faults;
  const auto positive = [&](Index size, std::string_view name) {
    if (size <= 0 || size >= (Index{1} << 31))
      faults += concat("; ", name, " must be positive and below 2^31, got ", size);
  };
  if (kv_heads == 0) kv_heads = heads;
  if (head_width == 0 && heads > 0 && dim % heads == 0) head_width = dim / heads;
  positive(vocabulary, "vocabulary");
  positive(dim, "dim");
  positive(ffn, "ffn");
  positive(layers, "layers");
  positive(heads, "heads");
  positive(kv_heads, "kv_heads");
  positive(context, "context");
  if (head_width == 0 && heads > 0 && dim > 0 && dim % heads != 0)
    faults += concat("; dim (", dim, ") must be a multiple of heads (", heads, ")");
  else if (head_width <= 0 || head_width >= (Index{1} << 31))
    faults += concat("; head width must be positive (dim ", dim, " / heads ", heads, "), got ", head_width);
  if (heads > 0 && kv_heads > 0 && heads % kv_heads != 0)
    faults += concat("; heads (", heads, ") must be a multiple of kv_heads (", kv_heads, ")");
  if (!(norm_epsilon > 0) || !std::isfinite(norm_epsilon))
    faults += concat("; norm_epsilon must be positive, got ", norm_epsilon);
  List::choose(family, "model: the family", [&](auto of) { of.complete(*this, faults); });
  if (faults.empty())
    if (const double weights = weight_list<List>(*this).weights(); weights > 0x1p40)
      faults = concat("; the model must have at most 2^40 weights, got about ", weights, ": choose smaller ones");
  require(faults.empty(), "model sizes: ", faults.empty() ? "" : faults.substr(2));
}

inline void Config::complete() { complete_as_one_of<Families>(); }

inline adapter::Sizes Config::sizes() const {
  Config whole = *this;
  whole.complete();
  const WeightList list = weight_list(whole);
  adapter::Sizes sizes{.dim = dim, .layers = layers, .layer_weights = static_cast<Index>(list.layer_weights())};
  for (const WeightKind& kind : list.of_layer) {
    if (list.in_ffn(kind)) sizes.ffn_weights += kind.shape.size();
    if (kind.site) sizes.projections[static_cast<std::size_t>(*kind.site)] = {kind.shape.cols(), kind.shape.rows()};
  }
  return sizes;
}

}}}  // namespace neutra::NEUTRA_ABI::nn
