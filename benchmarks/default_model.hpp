// The default subject of benchmarks: the model that `extend` pretrains by default, and its batch.
#pragma once

#include "neutra/adapter/sizes.hpp"
#include "neutra/study/options.hpp"

namespace default_model {

inline neutra::adapter::Sizes sizes() {
  const neutra::study::Options o;
  return {.dim = o.dim, .layers = o.layers, .query_width = o.dim, .kv_width = o.dim, .ffn = o.ffn_width()};
}

inline neutra::Index tokens() {
  const neutra::study::Options o;
  return o.batch * o.sequence;
}

}  // namespace default_model
