// The same bits for any number of threads, over twenty training steps of a model large enough that every kind of loop is shared out.
#include "neutra/adapter/any.hpp"
#include "neutra/adapter/lora.hpp"
#include "neutra/adapter/none.hpp"
#include "neutra/adapter/residue.hpp"
#include "neutra/nn/transformer.hpp"
#include "neutra/optim/adamw.hpp"

#include "tests/catch.hpp"

using namespace neutra;

namespace {

using Chosen = adapter::Any<float, Cpu>;

/// Twenty steps; every number of the run in one list: losses, norms, and all parameters and moments at the end.
std::vector<float> run(const Chosen& adapter, bool thaw, int threads) {
  const int before = omp_get_max_threads();
  omp_set_num_threads(threads);
  const nn::Config config{.vocabulary = 300, .dim = 64, .ffn = 160, .layers = 2, .heads = 4, .kv_heads = 2, .head_width = 16, .context = 96};
  nn::Transformer<Chosen, float, Cpu> model(nn::Backbone<float, Cpu>::random(config, 1), adapter, 2);
  if (thaw) model.thaw();
  optim::AdamW<float, Cpu> adamw(model.parameters(), {});
  const Philox random(3, "tokens");
  constexpr Index sequences = 5, length = 70;
  std::vector<std::int32_t> inputs(sequences * length), targets(inputs.size());
  const std::vector<std::uint8_t> domains{0, 1, 1, 0, 1};
  Tape<float, Cpu> tape;
  std::vector<float> numbers;
  for (std::uint64_t step = 0; step < 20; ++step) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      inputs[i] = static_cast<std::int32_t>(random.uniform(step, 2 * i) * 300);
      targets[i] = static_cast<std::int32_t>(random.uniform(step, 2 * i + 1) * 30);
    }
    tape.start();
    const auto losses = model.loss(tape, {sequences, length, inputs, targets, domains}, {sequences * length, 2 * length});
    const auto loss = losses.total(0.1f);
    numbers.push_back(losses.lm.item());
    if (losses.local) numbers.push_back(losses.local->item());
    tape.backward(loss);
    const double norm = adamw.gradient_norm();
    numbers.push_back(static_cast<float>(norm));
    adamw.step(3e-3, norm);
  }
  for (const auto* p : model.parameters())
    for (const auto* tensor : {&p->value, &p->mean, &p->variance}) numbers.insert(numbers.end(), tensor->data(), tensor->data() + tensor->size());
  omp_set_num_threads(before);
  return numbers;
}

void check(const Chosen& adapter, bool thaw) {
  const auto one = run(adapter, thaw, 1);
  CHECK(one[one.size() - 1] == one[one.size() - 1]);
  CHECK(one.front() > 0);
  for (const int threads : {2, 3}) {
    CAPTURE(threads);
    const auto more = run(adapter, thaw, threads);
    REQUIRE(more.size() == one.size());
    CHECK(std::memcmp(more.data(), one.data(), one.size() * sizeof(float)) == 0);
  }
}

}  // namespace

TEST_CASE("repeatable: neutral residues give equal bits for 1, 2 and 3 threads") { check(adapter::Residue<>{}, false); }

TEST_CASE("repeatable: LoRA gives equal bits for 1, 2 and 3 threads") { check(adapter::Lora{}, false); }

TEST_CASE("repeatable: finetuning gives equal bits for 1, 2 and 3 threads") { check(adapter::None{}, true); }
