// Misuse of a model, a tape and a probe: each is an Error that names the remedy.
#include "neutra/adapter/lora.hpp"
#include "neutra/adapter/residue.hpp"
#include "neutra/nn/transformer.hpp"
#include "neutra/testing/tiny_model.hpp"

#include "tests/cases/message.hpp"
#include "tests/catch.hpp"

#include <memory>

using namespace neutra;

namespace {

using Tapes = Tape<float, Cpu>;
template <class A> using FloatModel = nn::Transformer<A, float, Cpu>;

/// The message of backward() for the loss of a destroyed model whose backbone still exists.
template <class A> std::string after_death(const A& adapter, bool thawed, bool recomputed) {
  const auto backbone = testing::tiny_backbone<float>();
  const testing::TinyBatch batch;
  auto model = std::make_unique<FloatModel<A>>(backbone, adapter, 1);
  if (thawed) model->thaw();
  model->recompute_layers = recomputed;
  Tapes tape;
  tape.start();
  const auto loss = model->loss(tape, batch.tokens(), batch.counts()).total(0.1f);
  model.reset();
  return message([&] { tape.backward(loss); });
}

}  // namespace

TEST_CASE("misuse: backward of the loss of a destroyed model is an Error") {
  const std::string gone =
      "was destroyed or moved before the end of the step; neither destroy nor move the model until backward() has "
      "returned";
  adapter::Lora queries;
  queries.sites = {adapter::Site::q};  // in the backward pass its weights come after the rotation
  for (const bool recomputed : {false, true}) {
    CAPTURE(recomputed);
    CHECK(after_death(adapter::Residue<>{.width = 4}, false, recomputed).ends_with(gone));
    CHECK(after_death(queries, false, recomputed).ends_with(gone));
    CHECK(after_death(adapter::None{}, true, recomputed).ends_with(gone));
  }
}

TEST_CASE("misuse: backward after the model was moved is an Error") {
  const testing::TinyBatch batch;
  for (const bool recomputed : {false, true}) {
    CAPTURE(recomputed);
    FloatModel<adapter::Residue<>> model(testing::tiny_backbone<float>(), {.width = 4}, 1);
    model.recompute_layers = recomputed;
    Tapes tape;
    tape.start();
    const auto loss = model.loss(tape, batch.tokens(), batch.counts()).lm;
    const auto moved = std::make_unique<FloatModel<adapter::Residue<>>>(std::move(model));
    const std::string said = message([&] { tape.backward(loss); });
    CHECK((said == "" || said.ends_with("until backward() has returned")));
    CHECK((said != "") == recomputed);  // weights in a deque keep their address; recomputation reads the model
  }
}

TEST_CASE("misuse: forward passes per step are limited, to one without recording") {
  const testing::TinyBatch batch;
  FloatModel<adapter::Residue<>> model(testing::tiny_backbone<float>(), {.width = 4}, 1),
      other(testing::tiny_backbone<float>(), {.width = 4}, 2);
  Tapes tape;
  tape.start(false);
  model.loss(tape, batch.tokens(), batch.counts());
  other.logits(tape, batch.tokens());  // a second model in the same step
  const std::string again =
      "Tape: this model has run in this step already, and its values live until start(); call start(false) before "
      "each forward pass";
  CHECK(message([&] { model.loss(tape, batch.tokens(), batch.counts()); }) == again);
  CHECK(message([&] { other.next_logits(tape, batch.tokens().inputs.first(3)); }) == again);
  tape.start(false);
  model.loss(tape, batch.tokens(), batch.counts());

  tape.start();
  auto total = model.loss(tape, batch.tokens(), batch.counts()).lm;
  for (int pass = 1; pass < 64; ++pass) total = add(total, model.loss(tape, batch.tokens(), batch.counts()).lm);
  CHECK(message([&] { model.loss(tape, batch.tokens(), batch.counts()); }) ==
        "Tape: this model has run 64 times in this step, and all its values live until start(); call start() for "
        "every step, start(false) if there is no backward pass");
  tape.backward(total);
  for (const auto* p : model.parameters()) CHECK(p->has_gradient);
}

TEST_CASE("misuse: a forward pass before start() or after backward() is an Error") {
  const testing::TinyBatch batch;
  FloatModel<adapter::Residue<>> model(testing::tiny_backbone<float>(), {.width = 4}, 1);
  Tapes tape;
  const std::string closed =
      "Tape: a model ran before the first start(), or after the backward() of its step; call start() for every step, "
      "start(false) if there is no backward pass";
  CHECK(message([&] { model.loss(tape, batch.tokens(), batch.counts()); }) == closed);
  tape.start();
  tape.backward(model.loss(tape, batch.tokens(), batch.counts()).lm);
  CHECK(message([&] { model.loss(tape, batch.tokens(), batch.counts()); }) == closed);
}

TEST_CASE("misuse: a probe for another number of layers, and an invalid domain, are an Error") {
  const testing::TinyBatch batch;
  FloatModel<adapter::Residue<>> model(testing::tiny_backbone<float>(), {.width = 4}, 1);
  const auto said = [&](adapter::Probe<float, Cpu> probe) {
    Tapes tape;
    tape.start(false);
    return message([&] { model.loss(tape, batch.tokens(), batch.counts(), &probe); });
  };
  CHECK(said(adapter::Probe<float, Cpu>(2)) == "");
  CHECK(said(adapter::Probe<float, Cpu>(1)) ==
        "transformer: the probe was made for 1 layers, the model has 2; make it with model.config().layers");
  CHECK(said(adapter::Probe<float, Cpu>(3)) ==
        "transformer: the probe was made for 3 layers, the model has 2; make it with model.config().layers");
  adapter::Probe<float, Cpu> third(2);
  third.domain = 2;
  CHECK(said(third) == "probe: the domain must be 0 (original) or 1 (target), got 2");
  CHECK(message([&] { third.counts(2); }) == "probe: the domain must be 0 (original) or 1 (target), got 2");

  Tapes tape;
  tape.start(false);
  const Tensor<float, Cpu> numbers({3, 4});
  const auto rows = tape.input(numbers.view());
  adapter::Probe<float, Cpu> two(2);
  CHECK(message([&] { two.observe(2, nullptr, false, rows, nullptr, rows); }) ==
        "probe: layer 2 was seen, but the probe was made for 2 layers; make it with model.config().layers");
}
