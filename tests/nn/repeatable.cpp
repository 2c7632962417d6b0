// Equal bits for any number of threads, and with values stored or recomputed, over twenty training steps of a model
// large enough that every kind of loop uses several threads.
#include "tests/catch.hpp"
#include "tests/nn/forking.hpp"

#include <cstring>
#include <utility>

using namespace neutra;
using forking::Chosen;

namespace {

/// All numbers of a run of twenty steps: losses, norms, and all parameters and moments at the end.
std::vector<float> run(const Chosen& adapter, bool thaw, int threads, bool recompute, bool bf16) {
  const int before = omp_get_max_threads();
  omp_set_num_threads(threads);
  auto model = forking::model(adapter, thaw, bf16 ? DType::bf16 : DType::f32);
  model.recompute_layers = recompute;
  optim::AdamW<float, Cpu> adamw(model.parameters(), {});
  forking::Batch batch;
  Tape<float, Cpu> tape;
  std::vector<float> numbers;
  for (std::uint64_t step = 0; step < 20; ++step) {
    batch.draw(step);
    tape.start();
    const auto losses = model.loss(tape, batch.tokens(), batch.counts());
    const auto loss = losses.total(0.1f);
    numbers.push_back(losses.lm.item());
    if (losses.local) numbers.push_back(losses.local->item());
    tape.backward(loss);
    const double norm = adamw.gradient_norm();
    numbers.push_back(static_cast<float>(norm));
    adamw.step(3e-3, norm);
  }
  for (const auto* p : model.parameters())
    for (const auto* tensor : {&p->value, &p->mean, &p->variance})
      numbers.insert(numbers.end(), tensor->data(), tensor->data() + tensor->size());
  omp_set_num_threads(before);
  return numbers;
}

void check(const Chosen& adapter, bool thaw, bool bf16 = false) {
  const auto one = run(adapter, thaw, 1, false, bf16);
  CHECK(one[one.size() - 1] == one[one.size() - 1]);
  CHECK(one.front() > 0);
  for (const auto& [threads, recompute] : {std::pair(2, false), {3, false}, {2, true}}) {
    CAPTURE(threads, recompute);
    const auto more = run(adapter, thaw, threads, recompute, bf16);
    REQUIRE(more.size() == one.size());
    CHECK(std::memcmp(more.data(), one.data(), one.size() * sizeof(float)) == 0);
  }
}

}  // namespace

TEST_CASE("repeatable: neutral residues give equal bits for 1, 2 and 3 threads, and recomputed") {
  check(adapter::Residue<>{}, false);
}

TEST_CASE("repeatable: neutral residues, LoRA and finetuning with bf16 matmul give equal bits too") {
  SECTION("neutral") { check(adapter::Residue<>{}, false, true); }
  SECTION("lora") { check(adapter::Lora{.sites = {adapter::Site::q, adapter::Site::down}}, false, true); }
  SECTION("finetune") { check(adapter::None{}, true, true); }
}

TEST_CASE("repeatable: LoRA gives equal bits for 1, 2 and 3 threads, and recomputed") { check(adapter::Lora{}, false); }

TEST_CASE("repeatable: finetuning gives equal bits for 1, 2 and 3 threads, and recomputed") {
  check(adapter::None{}, true);
}
