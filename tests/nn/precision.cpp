// Products of bf16 in a whole model: they are used, everything else stays float, and training ends where float ends.
#include "tests/catch.hpp"
#include "tests/nn/forking.hpp"

#include "neutra/penalty/gate_l1.hpp"
#include "neutra/penalty/l2.hpp"

#include <cmath>

using namespace neutra;
using forking::Chosen;

namespace {

using Backbone = std::shared_ptr<const nn::Backbone<float, Cpu>>;
using Model = nn::Transformer<Chosen, float, Cpu>;

/// The losses of training towards words first_word .. first_word + 29.
std::vector<double> train(Model& model, std::uint64_t steps, int first_word, double rate) {
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

/// A backbone that expects the words 0 .. 29, so that there is something to extend.
Backbone pretrained() {
  Model model = forking::model(adapter::None{}, true);
  train(model, 20, 0, 3e-3);
  const auto& random = *model.backbone();
  return std::make_shared<const nn::Backbone<float, Cpu>>(
      random.config(), [&](nn::Slot slot, Index layer, const std::string&, const Shape&) {
        return model.thawed_weights()[random.index(slot, layer)].value.clone();
      });
}

/// Extended to other words with products in float and in bf16.
void check_ends_as_float(const Chosen& adapter, bool thaw, double rate) {
  const Backbone backbone = pretrained();
  std::vector<double> losses[2];
  for (const bool bf16 : {false, true}) {
    Model model(backbone, adapter, 2);
    if (thaw) model.thaw();
    model.bf16_products = bf16;
    losses[bf16] = train(model, 120, 20, rate);
  }
  const double before = losses[0].front(), exact = losses[0].back(), rounded = losses[1].back();
  CAPTURE(before, exact, rounded);
  CHECK(exact < 0.8 * before);
  CHECK(losses[1] != losses[0]);
  CHECK(std::abs(rounded - exact) < 0.005 * exact);
}

/// The gradients of one batch with the model's device.
template <Backend D> std::vector<float> gradients_of(bool bf16) {
  const nn::Config config{
      .vocabulary = 300, .dim = 64, .ffn = 96, .layers = 2, .heads = 4, .kv_heads = 2, .head_width = 16, .context = 96};
  nn::Transformer<adapter::Lora, float, D> model(nn::Backbone<float, D>::random(config, 1), {}, 2);
  model.bf16_products = bf16;
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

TEST_CASE("precision: training with products of bf16 ends within 0.5 % of the loss in float") {
  SECTION("neutral") { check_ends_as_float(adapter::Residue<>{}, false, 5e-3); }
  SECTION("lora") { check_ends_as_float(adapter::Lora{}, false, 5e-3); }
  SECTION("finetune") { check_ends_as_float(adapter::None{}, true, 1e-3); }
}

TEST_CASE("precision: gradients through products of bf16 are those of rounded numbers") {
  const auto exact = gradients_of<Cpu>(false), rounded = gradients_of<Cpu>(true), plain = gradients_of<ScalarCpu>(true);
  const double moved = relative_difference(rounded, exact);
  CHECK((moved > 1e-4 && moved < 2e-2));  // bf16 keeps 8 bits: 2^-9 a number
  CHECK(relative_difference(rounded, plain) <
        0.25 * moved);  // a sum's last bit may round another way at the next product
}

TEST_CASE("precision: a model in double has no products of bf16") {
  const nn::Config config{
      .vocabulary = 30, .dim = 16, .ffn = 24, .layers = 1, .heads = 2, .kv_heads = 2, .head_width = 8, .context = 8};
  nn::Transformer<adapter::None, double, Cpu> model(nn::Backbone<double, Cpu>::random(config, 1));
  model.bf16_products = true;
  Tape<double, Cpu> tape;
  tape.start(false);
  const std::vector<std::int32_t> text(8, 1);
  CHECK_THROWS_AS(model.logits(tape, {1, 8, text}), Error);
}

TEST_CASE("precision: gate logits are never of bf16, and the tape is left as it was") {
  using Residue = adapter::Residue<gate::Relu, body::GatedUnit, penalty::GateL1>;
  const adapter::Sizes sizes{.dim = 64, .layers = 1, .query_width = 64, .kv_width = 64, .ffn = 160};
  Residue::Instance<float, Cpu> residue(Residue{}, sizes, 1);
  const auto x = adapter::normal_tensor<float, Cpu>({50, 64}, 1, 1, "x");
  const std::vector<float> marks(50, 1.0f);
  float penalty[2];
  for (const bool bf16 : {false, true}) {
    Tape<float, Cpu> tape;
    tape.start();
    tape.bf16_products = bf16;
    Pass<float, Cpu> pass{.tape = tape, .domains = {.original = {marks.data(), 50, 1}, .known = true}};
    residue.add(adapter::Site::ffn, 0, tape.input(x.view()), tape.input(x.view()), pass);
    penalty[bf16] = pass.local->item();
    CHECK(tape.bf16_products == bf16);
  }
  CHECK(penalty[0] > 0);
  CHECK(penalty[0] == penalty[1]);
}

TEST_CASE("precision: an op goes back as it went forward, whatever the tape says by then") {
  std::vector<float> gradients[2];
  for (const bool changed : {false, true}) {
    Parameter<float, Cpu> x("x", adapter::normal_tensor<float, Cpu>({20, 64}, 1, 1, "x")),
        w("w", adapter::normal_tensor<float, Cpu>({30, 64}, 1, 1, "w"));
    Tape<float, Cpu> tape;
    tape.start();
    tape.bf16_products = true;
    const auto y = linear(tape.leaf(x), tape.leaf(w));
    tape.bf16_products = !changed;
    const std::vector<float> marks(20, 1.0f);
    tape.backward(residue_penalty(penalty::L2{}, y, y, Counted<float>{marks.data(), marks.data(), nullptr},
                                  1));  // a loss without products
    for (const auto* p : {&x, &w})
      gradients[changed].insert(gradients[changed].end(), p->gradient.data(), p->gradient.data() + p->gradient.size());
  }
  CHECK(gradients[0] == gradients[1]);
}
