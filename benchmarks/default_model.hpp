// The default subject of benchmarks: the model that `extend` pretrains by default, and its batch.
#pragma once

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

inline neutra::Index tokens() {
  const neutra::study::Options o;
  return o.batch * o.sequence;
}

}  // namespace default_model
