// A training step whose kernels, ops and model come from the library.
#include "neutra/neutra.hpp"

using namespace neutra;

int main() {
  const nn::Config config{
      .vocabulary = 8, .dim = 8, .ffn = 16, .layers = 1, .heads = 1, .head_width = 8, .context = 4};
  nn::Transformer<adapter::Residue<>> model(nn::Backbone<float, Cpu>::random(config, 1), {.width = 4}, 1);
  optim::AdamW<float, Cpu> adamw(model.parameters(), {});
  const std::vector<std::int32_t> words{1, 2, 3, 4};
  const std::vector<std::uint8_t> domains{1};
  Tape<float, Cpu> tape;
  tape.start();
  const auto loss = model.loss(tape, {1, 4, words, words, domains}, {4, 0});
  tape.backward(loss.total(0.01f));
  adamw.step(1e-3, adamw.gradient_norm());
  return loss.lm.item() > 0 ? 0 : 1;
}
