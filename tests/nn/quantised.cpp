// Models on a quantised backbone: every family loads and computes with the dequantised weights, adapters train on it,
// and it has the identity of the model that it was made from.
#include "neutra/nn/fingerprint.hpp"

#include "tests/catch.hpp"
#include "tests/nn/forking.hpp"
#include "tests/nn/golden_family.hpp"
#include "tests/nn/models.hpp"

#include <omp.h>

#include <cstring>
#include <utility>

using namespace neutra;
using namespace golden_family;
using forking::Chosen;

namespace {

using Backbone = std::shared_ptr<const nn::Backbone<float, Cpu>>;

/// A backbone of the weights that a quantised one multiplies with.
Backbone dequantised(const nn::Backbone<float, Cpu>& from) {
  return std::make_shared<const nn::Backbone<float, Cpu>>(
      from.config(), [&](const nn::Weight& weight) { return from.weight(weight.name).copy(); },
      nn::Use<float>{.precision = from.use().precision});
}

Index quantised_weights(const nn::Backbone<float, Cpu>& backbone) {
  Index count = 0;
  for (const auto& weight : backbone.weights()) count += weight.quantised() != nullptr ? 1 : 0;
  return count;
}
Index projections(const nn::Backbone<float, Cpu>& backbone) {
  Index count = 0;
  for (const auto& kind : backbone.list().of_layer) count += kind.site ? backbone.config().layers : 0;
  return count;
}

Backbone large(Quantisation format, DType precision = DType::f32) {
  const auto plain = forking::model(adapter::None{}, false).backbone();
  return nn::Backbone<float, Cpu>::random(plain->config(), 1, {.precision = precision, .base = format});
}

/// Losses, gradients and parameters of some steps.
std::vector<float> trained(const Backbone& backbone, const Chosen& adapter, int threads) {
  const int before = omp_get_max_threads();
  omp_set_num_threads(threads);
  nn::Transformer<Chosen, float, Cpu> model(backbone, adapter, 2);
  optim::AdamW<float, Cpu> adamw(model.parameters(), {});
  forking::Batch batch;
  Tape<float, Cpu> tape;
  std::vector<float> numbers;
  for (std::uint64_t step = 0; step < 4; ++step) {
    batch.draw(step);
    tape.start();
    const auto losses = model.loss(tape, batch.tokens(), batch.counts());
    numbers.push_back(losses.lm.item());
    tape.backward(losses.total(0.1f));
    adamw.step(3e-3, adamw.gradient_norm());
  }
  for (const auto* p : model.parameters())
    for (const auto* tensor : {&p->value, &p->gradient})
      numbers.insert(numbers.end(), tensor->data(), tensor->data() + tensor->size());
  omp_set_num_threads(before);
  return numbers;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("quantised: every family computes with the dequantised weights, under the fingerprint of the model") {
  for (const auto& name : names())
    for (const char* format : {"int8", "q4"}) {
      CAPTURE(name, format);
      const Golden golden{name};
      const auto plain = golden.load();
      const auto made = nn::load_model<float, Cpu>(golden.made.path(), {.base = Quantisation(format)});
      CHECK(quantised_weights(*made) == projections(*made));
      CHECK(quantised_weights(*plain) == 0);
      CHECK(nn::fingerprint(*made) == nn::fingerprint(*plain));
      const auto found = logits(made, golden.tokens());
      CHECK(same_bits(found, logits(dequantised(*made), golden.tokens())));
      CHECK_FALSE(same_bits(found, logits(plain, golden.tokens())));
    }
}

TEST_CASE("quantised: the fingerprint of the model is computed once, when it is asked for") {
  const auto plain = models::random();
  Index reads = 0;
  const auto source = [&](const nn::Weight& weight) {
    ++reads;
    return RowMajor<float, Cpu>(plain->weight(weight.name).copy());
  };
  const auto load = [&](const nn::Use<float>& use) {
    return nn::backbone_of<float, Cpu>(plain->config(), source, use);
  };
  const Index all = plain->list().count();
  const auto made = load({.base = Quantisation("int8")});
  CHECK(reads == all);
  for (int time = 0; time < 2; ++time) {
    CHECK(nn::fingerprint(*made) == nn::fingerprint(*plain));
    CHECK(reads == 2 * all);
  }
  // These hold the weights as they were read.
  CHECK(nn::fingerprint(*load({})) == nn::fingerprint(*plain));
  CHECK(nn::fingerprint(*load({.purpose = nn::Purpose::finetuning, .base = Quantisation("int8")})) ==
        nn::fingerprint(*plain));
  CHECK(reads == 4 * all);
}

TEST_CASE("quantised: adapters train as on the dequantised weights, to the bit, for any number of threads") {
  for (const char* format : {"int8", "q4"})
    for (const bool bf16 : {false, true})
      for (const bool lora : {false, true}) {
        CAPTURE(format, bf16, lora);
        const auto backbone = large(Quantisation(format), bf16 ? DType::bf16 : DType::f32);
        const Chosen adapter = lora ? Chosen(adapter::Lora{}) : Chosen(adapter::Residue<>{});
        const auto one = trained(backbone, adapter, 1);
        CHECK((lora || one[3] < one[0]));
        CHECK(same_bits(one, trained(backbone, adapter, 3)));
        CHECK(same_bits(one, trained(dequantised(*backbone), adapter, 2)));
      }
}

TEST_CASE("quantised: a generation, an evaluation and a thawed copy read the same weights") {
  const auto plain = models::random();
  const auto use = [&](nn::Purpose purpose) {
    return nn::Backbone<float, Cpu>::random(models::tiny(), 7, {.purpose = purpose, .base = Quantisation("q4")});
  };
  const std::vector<std::int32_t> tokens = {1, 5, 9, 2, 4, 7, 3, 8};
  const auto right = logits(use(nn::Purpose::training), tokens);
  CHECK(same_bits(logits(use(nn::Purpose::evaluation), tokens), right));
  CHECK(same_bits(logits(use(nn::Purpose::generation), tokens), right));
  nn::Transformer<> thawed(use(nn::Purpose::training));
  thawed.thaw();
  CHECK(same_bits(logits_of(thawed, tokens), right));
  // A model that is to be finetuned is not quantised.
  CHECK(models::same(*use(nn::Purpose::finetuning), *plain));
  CHECK_FALSE(models::same(*use(nn::Purpose::training), *plain));
  CHECK(nn::fingerprint(*use(nn::Purpose::finetuning)) == nn::fingerprint(*plain));
}
