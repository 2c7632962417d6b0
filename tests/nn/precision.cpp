// bf16 matmul in a whole model: it is used, everything else stays float, and training converges as in float.
#include "tests/catch.hpp"
#include "tests/nn/forking.hpp"

#include "neutra/penalty/gate_l1.hpp"
#include "neutra/penalty/l2.hpp"

#include <cmath>

using namespace neutra;
using forking::Chosen;

namespace {

using Backbone = std::shared_ptr<const nn::Backbone<float, Cpu>>;
using ChosenModel = nn::Transformer<Chosen, float, Cpu>;

/// The losses of training on tokens first_word .. first_word + 29.
std::vector<double> train(ChosenModel& model, std::uint64_t steps, int first_word, double rate) {
  optim::AdamW<float, Cpu> adamw(model.parameters(), {});
  forking::Batch batch;
  Tape<float, Cpu> tape;
  std::vector<double> losses;
  for (std::uint64_t step = 0; step < steps; ++step) {
    batch.draw(step);
    for (auto& word : batch.targets) word += first_word;
    tape.start();
    const auto loss = model.loss(tape, batch.tokens(), batch.counts());
    losses.push_back(static_cast<double>(loss.lm.item()));
    tape.backward(loss.total(0.01f));
    adamw.step(rate, adamw.gradient_norm());
  }
  return losses;
}

/// A backbone trained on tokens 0 .. 29, which the test then extends to others.
Backbone pretrained(DType precision) {
  ChosenModel model = forking::model(adapter::None{}, true);
  train(model, 20, 0, 3e-3);
  const auto& random = *model.backbone();
  const auto trained = [&, next = std::size_t{0}](const nn::Weight&) mutable {
    return model.thawed_weights()[next++]->value.clone();
  };
  return std::make_shared<const nn::Backbone<float, Cpu>>(random.config(), trained,
                                                          nn::Use<float>{.precision = precision});
}

/// The losses of extending it to other tokens, with matmul in float and in bf16.
void check_ends_as_float(const Chosen& adapter, bool thaw, double rate) {
  std::vector<double> losses[2];
  for (const bool bf16 : {false, true}) {
    ChosenModel model(pretrained(bf16 ? DType::bf16 : DType::f32), adapter, 2);
    if (thaw) model.thaw();
    losses[bf16] = train(model, 120, 20, rate);
  }
  const double before = losses[0].front(), exact = losses[0].back(), rounded = losses[1].back();
  CAPTURE(before, exact, rounded);
  CHECK(exact < 0.8 * before);
  CHECK(losses[1] != losses[0]);
  CHECK(std::abs(rounded - exact) < 0.005 * exact);
}

/// The gradients of one batch on the device of the model.
template <Backend D> std::vector<float> gradients_of(bool bf16) {
  const nn::Config config{
      .vocabulary = 300, .dim = 64, .ffn = 96, .layers = 2, .heads = 4, .kv_heads = 2, .head_width = 16, .context = 96};
  nn::Transformer<adapter::Lora, float, D> model(
      nn::Backbone<float, D>::random(config, 1, {.precision = bf16 ? DType::bf16 : DType::f32}), {}, 2);
  forking::Batch batch;
  batch.draw(0);
  Tape<float, D> tape;
  tape.start();
  tape.backward(model.loss(tape, batch.tokens(), batch.counts()).total(0));
  std::vector<float> all;
  for (const auto* p : model.parameters())
    all.insert(all.end(), p->gradient.data(), p->gradient.data() + p->gradient.size());
  return all;
}

double relative_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    size += std::pow(static_cast<double>(b[i]), 2);
  }
  return std::sqrt(difference / size);
}

}  // namespace

TEST_CASE("precision: training with bf16 matmul ends within 0.5 % of the loss in float") {
  SECTION("neutral") { check_ends_as_float(adapter::Residue<>{}, false, 5e-3); }
  SECTION("lora") { check_ends_as_float(adapter::Lora{}, false, 5e-3); }
  SECTION("finetune") { check_ends_as_float(adapter::None{}, true, 1e-3); }
}

TEST_CASE("precision: gradients through bf16 matmul are those of rounded inputs") {
  const auto exact = gradients_of<Cpu>(false), rounded = gradients_of<Cpu>(true), plain = gradients_of<ScalarCpu>(true);
  const double moved = relative_difference(rounded, exact);
  CHECK((moved > 1e-4 && moved < 2e-2));  // bf16 has 8 significant bits: a relative error of 2^-9
  CHECK(relative_difference(rounded, plain) <
        0.25 * moved);  // the last bit of a sum may change how the next matmul rounds it
}

TEST_CASE("precision: a backbone in double has no bf16 matmul") {
  const nn::Config config{
      .vocabulary = 30, .dim = 16, .ffn = 24, .layers = 1, .heads = 2, .kv_heads = 2, .head_width = 8, .context = 8};
  CHECK_THROWS_AS((nn::Backbone<double, Cpu>::random(config, 1, {.precision = DType::bf16})), Error);
}

TEST_CASE("precision: gate logits are never bf16, and the precision of the tape is restored") {
  using Residue = adapter::Residue<gate::Relu, body::GatedUnit, penalty::GateL1>;
  const adapter::Sizes sizes{.dim = 64, .layers = 1, .layer_weights = 47232};
  Residue::Instance<float, Cpu> residue(Residue{}, sizes, 1);
  const auto x = adapter::normal_tensor<float, Cpu>({50, 64}, 1, 1, "x");
  const std::vector<float> marks(50, 1.0f);
  float penalty[2];
  for (const bool bf16 : {false, true}) {
    Tape<float, Cpu> tape;
    tape.start(true, bf16 ? DType::bf16 : DType::f32);
    Pass<float, Cpu> pass{.tape = tape, .domains = {.original = {marks.data(), 50, 1}, .known = true}};
    residue.apply(adapter::Site::ffn, 0, tape.input(x.view()), tape.input(x.view()), pass);
    penalty[bf16] = pass.local->item();
    CHECK(tape.precision() == (bf16 ? DType::bf16 : DType::f32));
  }
  CHECK(penalty[0] > 0);
  CHECK(penalty[0] == penalty[1]);
}

TEST_CASE("precision: the backward pass of an op uses the precision of its forward pass") {
  std::vector<float> gradients[2];
  for (const bool changed : {false, true}) {
    Parameter<float, Cpu> x("x", adapter::normal_tensor<float, Cpu>({20, 64}, 1, 1, "x")),
        w("w", adapter::normal_tensor<float, Cpu>({30, 64}, 1, 1, "w"));
    Tape<float, Cpu> tape;
    tape.start(true, DType::bf16);
    const auto y = linear(tape.leaf(x), tape.leaf(w));
    if (changed) tape.set_precision(DType::f32);
    const std::vector<float> marks(20, 1.0f);
    tape.backward(residue_penalty(penalty::L2{}, y, y, Counted<float>{marks.data(), marks.data(), nullptr},
                                  1));  // a loss without matmul
    for (const auto* p : {&x, &w})
      gradients[changed].insert(gradients[changed].end(), p->gradient.data(), p->gradient.data() + p->gradient.size());
  }
  CHECK(gradients[0] == gradients[1]);
}
