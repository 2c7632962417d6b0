// A model with a fixed continuation: after token a comes next[a], after any other token number 0.
#pragma once

#include "neutra/nn/model_folder.hpp"

#include <cstdint>
#include <map>

namespace chain {

using namespace neutra;
using Next = std::map<std::int32_t, std::int32_t>;

/// The blocks add nothing and the embedding is the identity, so that the logits are the head's column of the last
/// token: 1 for the next token, and 2 for the row `loud`, which only a program that does not mask it would choose.
inline std::shared_ptr<const nn::Backbone<float, Cpu>> model(Index vocabulary, const Next& next, Index loud,
                                                             Index context = 64) {
  const nn::Config config{.vocabulary = vocabulary,
                          .dim = vocabulary,
                          .ffn = 2,
                          .layers = 1,
                          .heads = 1,
                          .head_width = 2,
                          .context = context};
  return std::make_shared<const nn::Backbone<float, Cpu>>(config, [&](const nn::Weight& made) {
    const Shape& shape = made.kind.shape;
    const bool head = made.name == "lm_head.weight";
    Tensor<float, Cpu> weight(shape);
    std::fill_n(weight.data(), shape.size(), shape.rank() == 1 ? 1.0f : 0.0f);
    for (Index token = 0; token < vocabulary; ++token) {
      if (made.name == "model.embed_tokens.weight") weight.data()[token * vocabulary + token] = 1;
      if (head) weight.data()[loud * vocabulary + token] = 2;
    }
    if (head)
      for (const auto& [from, to] : next) weight.data()[to * vocabulary + from] = 1;
    return weight;
  });
}

/// Writes the model as a folder, with additional keys in its config.json.
inline void write(const io::Path& folder, Index vocabulary, const Next& next, Index loud, const io::Json& more) {
  nn::save_model(folder, *model(vocabulary, next, loud));
  io::Json config = io::read_json(folder / "config.json");
  config.update(more);
  io::write_json(folder / "config.json", config);
}

}  // namespace chain
