// Tiny models for tests of files.
#pragma once

#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/nn/backbone.hpp"

#include <cstring>

namespace models {

using namespace neutra;

/// All sizes differ, so that none can be confused with another; head widths are not dim / heads.
inline nn::Config tiny(bool tied = false) {
  nn::Config config{.vocabulary = 11,
                    .dim = 12,
                    .ffn = 10,
                    .layers = 2,
                    .heads = 4,
                    .kv_heads = 2,
                    .head_width = 4,
                    .context = 16,
                    .norm_epsilon = 2e-5,
                    .numbers = {{"rope_theta", 5000.0}},
                    .tied = tied,
                    .bos = 1,
                    .eos = {2}};
  config.complete();
  return config;
}

template <Scalar S = float>
std::shared_ptr<const nn::Backbone<S, Cpu>> random(const nn::Config& config = tiny(), std::uint64_t seed = 7) {
  return nn::Backbone<S, Cpu>::random(config, seed);
}

template <Scalar S> bool same_bits(View<const S> a, View<const S> b) {
  return a.shape == b.shape && std::memcmp(a.data, b.data, static_cast<std::size_t>(a.size()) * sizeof(S)) == 0;
}

/// Whether two models have equal sizes, names and bits.
template <Scalar S> bool same(const nn::Backbone<S, Cpu>& a, const nn::Backbone<S, Cpu>& b) {
  bool equal = a.config() == b.config() && a.weights().size() == b.weights().size();
  for (std::size_t i = 0; equal && i < a.weights().size(); ++i)
    equal = a.weights()[i].name == b.weights()[i].name && same_bits<S>(a.weights()[i].copy(), b.weights()[i].copy());
  return equal;
}

}  // namespace models
