// The default subject of benchmarks: the model that `extend` pretrains by default, and its batch.
#pragma once

#include "neutra/gate/context.hpp"
#include "neutra/nn/families.hpp"
#include "neutra/study/options.hpp"

namespace default_model {

inline neutra::adapter::Sizes sizes() {
  const neutra::study::Options o;
  const neutra::nn::Config config{.vocabulary = 256,
                                  .dim = o.dim,
                                  .ffn = o.ffn_width(),
                                  .layers = o.layers,
                                  .heads = o.heads,
                                  .context = o.sequence};
  return config.sizes();
}

/// The sequences of its batch.
inline neutra::gate::Context batch() {
  const neutra::study::Options o;
  return {.sequences = o.batch, .length = o.sequence};
}

inline neutra::Index tokens() { return batch().sequences * batch().length; }

}  // namespace default_model
