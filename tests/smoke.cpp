// If this fails, nothing else matters: one product, its gradient by hand, and one step that lowers a loss.
#include "neutra/neutra.hpp"

#include "tests/catch.hpp"

using namespace neutra;

TEST_CASE("smoke: the gradient of a product is the other factor") {
  Tensor<float, Cpu> two({1, 1}), three({1, 1});
  two.data()[0] = 2;
  three.data()[0] = 3;
  Parameter<float, Cpu> x("x", std::move(two)), w("w", std::move(three));
  Tape<float, Cpu> tape;
  tape.start();
  const auto y = linear(tape.leaf(x), tape.leaf(w));
  tape.backward(y);
  CHECK(y.item() == 6);
  CHECK(x.gradient.data()[0] == 3);
  CHECK(w.gradient.data()[0] == 2);
}

TEST_CASE("smoke: ten steps of a neutral residue lower the loss") {
  const nn::Config config{.vocabulary = 20, .dim = 16, .ffn = 32, .layers = 2, .heads = 2, .context = 8};
  nn::Transformer<adapter::Residue<>> model(nn::Backbone<float, Cpu>::random(config, 1), {}, 1);
  const std::vector<std::int32_t> inputs = {1, 2, 3, 4, 5, 6, 7, 8}, targets = {2, 3, 4, 5, 6, 7, 8, 9};
  const std::vector<std::uint8_t> domains = {1};
  optim::AdamW<float, Cpu> adamw(model.parameters(), {});
  Tape<float, Cpu> tape;
  float first = 0, last = 0;
  for (int step = 0; step < 10; ++step) {
    tape.start();
    const auto losses = model.loss(tape, {1, 8, inputs, targets, domains}, {8, 0});
    tape.backward(losses.total(0.01f));
    adamw.step(1e-2, adamw.gradient_norm());
    last = losses.lm.item();
    if (step == 0) first = last;
  }
  CHECK(last < first - 0.1f);
}
