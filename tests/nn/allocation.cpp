// After the first step, a training step (forward, backward, update) allocates no memory, however many tokens are open.
#include "tests/adapter/model.hpp"
#include "tests/allocations.hpp"
#include "tests/nn/forking.hpp"

namespace {

/// Training steps of a model with skipping, one batch per step; its gates can be forced open or closed between steps.
struct Training {
  explicit Training(const AnyResidue<float>& residue) : model(tiny_model<float>(residue)) {
    testing::fill_zero_parameters(model.parameters());
  }
  void step(const TinyBatch& batch, double rate = 1e-2) {
    tape.start();
    tape.backward(model.loss(tape, batch.tokens(), batch.counts()).total(0.1f));
    adamw.step(rate, adamw.gradient_norm());
  }
  /// The number of allocations in a step.
  std::size_t asked(const TinyBatch& batch, double rate = 1e-2) {
    const auto before = allocations();
    step(batch, rate);
    return allocations() - before;
  }
  nn::Transformer<AnyResidue<float>, float, Cpu> model;
  optim::AdamW<float, Cpu> adamw{model.parameters(), {}};
  Tape<float, Cpu> tape;
};

void force(nn::Transformer<AnyResidue<float>, float, Cpu>& model, double share, const TinyBatch& batch) {
  if (share == 0 || share == 1)
    force_gates(model.parameters(), share == 1);
  else
    balance_gates(model, batch);
}

TinyBatch batch_of(std::uint64_t seed) { return TinyBatch({0, 1, 1, 0, 1, 0}, seed, 8); }

}  // namespace

TEST_CASE("allocation: none after the first step of training with skipping") {
  if (!allocations_counted()) return;
  const TinyBatch batch = batch_of(0);
  for_each_type(Types<penalty::L1, penalty::DomainCrossEntropy>{}, [&]<class P>() {
    CAPTURE(P::name);
    Training training(residue_of<float>(gate::Relu{}, P{}));
    balance_gates(training.model, batch);
    const auto shares = open_shares(training.model, batch);
    for (const double share : shares) CHECK((share > 0 && share < 1));
    training.step(batch, 1e-6);
    for (int step = 0; step < 5; ++step)
      CHECK(training.asked(batch, 1e-6) == 0);  // a learning rate at which no gate opens or closes
  });
}

// The loops of the tiny model are too short for several threads; those of this one are not.
TEST_CASE(
    "allocation: none after the first step of each method, for 1 and 2 threads, 1 and 2 micro-batches, stored and "
    "recomputed values, float and bf16 matmul") {
  if (!allocations_counted()) return;
  const std::pair<forking::Chosen, bool> methods[] = {
      {adapter::Residue<>{}, false}, {adapter::Lora{}, false}, {adapter::None{}, true}};
  const int before = omp_get_max_threads();
  for (std::size_t method = 0; method < 3; ++method)
    for (const auto& [threads, accumulate, recompute, bf16] : {std::tuple(1, 1, false, false),
                                                               {1, 2, true, false},
                                                               {2, 1, true, false},
                                                               {2, 2, false, false},
                                                               {1, 1, false, true},
                                                               {2, 1, true, true}}) {
      CAPTURE(method, threads, accumulate, recompute, bf16);
      omp_set_num_threads(threads);
      auto model = forking::model(methods[method].first, methods[method].second, bf16 ? DType::bf16 : DType::f32);
      model.recompute_layers = recompute;
      optim::AdamW<float, Cpu> adamw(model.parameters(), {});
      Tape<float, Cpu> tape;
      forking::Batch batch;
      std::size_t asked = 0;
      for (std::uint64_t step = 0; step < 4; ++step) {
        const auto so_far = allocations();
        for (Index part = 0; part < accumulate; ++part) {
          batch.draw(step);
          tape.start();
          tape.backward(model.loss(tape, batch.tokens(), batch.counts(accumulate)).total(0.1f));
        }
        adamw.step(1e-3, adamw.gradient_norm());
        if (step > 0) asked += allocations() - so_far;
      }
      CHECK(asked == 0);
    }
  omp_set_num_threads(before);
}

// The packed panels of a matmul over the open tokens grow with their number, and a layer with all tokens open might
// take a code path with fewer values.
TEST_CASE("allocation: none when the text, and with it the number of open tokens, changes") {
  if (!allocations_counted()) return;
  const TinyBatch batch = batch_of(1);
  Training changing(residue_of<float>(gate::Relu{}, penalty::L1{}));
  balance_gates(changing.model, batch_of(0));
  changing.step(batch_of(0));
  for (std::uint64_t seed = 1; seed < 8; ++seed) {
    const TinyBatch other = batch_of(seed);
    CHECK(changing.asked(other) == 0);
  }
  for (const double share : {0.0, 1.0, 0.5}) {
    CAPTURE(share);
    Training training(residue_of<float>(gate::Relu{}, penalty::L1{}));
    std::vector<std::vector<float>> weights;
    for (const auto* p : training.model.parameters())
      weights.emplace_back(p->value.data(), p->value.data() + p->value.size());
    force(training.model, share, batch);
    training.step(batch);
    for (const double later : {0.5, 1.0, 0.0}) {
      CAPTURE(later);
      std::size_t at = 0;
      for (auto* p : training.model.parameters()) {
        std::copy(weights[at].begin(), weights[at].end(), p->value.data());
        ++at;
      }
      force(training.model, later, batch);
      CHECK(training.asked(batch) == 0);
    }
  }
}

TEST_CASE(
    "allocation: none when the first step had no original-domain sequence, the only ones that the penalty counts") {
  if (!allocations_counted()) return;
  const TinyBatch target({1, 1, 1, 1, 1, 1}, 0, 8), mixed = batch_of(1);
  Training training(residue_of<float>(gate::Relu{}, penalty::L1{}));
  balance_gates(training.model, mixed);
  training.step(target);
  CHECK(training.asked(mixed) == 0);
  CHECK(training.asked(target) == 0);
}

TEST_CASE("allocation: the tape of a layer stores only values that cannot be rematerialised in one pass") {
  const Index tokens = 128, dim = 64, ffn = 128, width = 64;  // sizes that are their own size class
  const auto held = [&](Index layers, bool bf16) {
    nn::Config config{.vocabulary = 50,
                      .dim = dim,
                      .ffn = ffn,
                      .layers = layers,
                      .heads = 2,
                      .kv_heads = 2,
                      .context = tokens,
                      .tied = true};
    config.complete();
    nn::Transformer<adapter::Residue<>> model(
        nn::Backbone<float, Cpu>::random(config, 1, {.precision = bf16 ? DType::bf16 : DType::f32}),
        adapter::Residue<>{.width = width});
    const std::vector<std::int32_t> text(static_cast<std::size_t>(tokens), 7);
    const std::vector<std::uint8_t> original{0};
    Tape<float, Cpu> tape;
    tape.start();
    tape.backward(model.loss(tape, {1, tokens, text, text, original}, {tokens, tokens}).total(0.1f));
    return tape.memory_held();
  };
  const Index streams = 2 * dim;      // both sums of the residual stream
  const Index between = 3 * dim       // queries, keys, values
                        + 2 * ffn     // gate and up
                        + 2 * width;  // gate and up of the body
  const Index residue = dim;          // the output of the body, for the gradient of the gate
  const Index numbers = 24;  // per token: statistics of norms and attention, gates, row sets, sums of the penalty
  for (const bool bf16 : {false, true}) {
    CAPTURE(bf16);
    const Index bytes = tokens * ((streams + residue) * Index{sizeof(float)} +
                                  between * (bf16 ? Index{sizeof(neutra::bf16)} : Index{sizeof(float)}));
    const auto layer = static_cast<Index>(held(6, bf16) - held(2, bf16)) / 4;
    CHECK(layer >= bytes);
    CHECK(layer <= bytes + tokens * numbers * Index{sizeof(float)});
  }
}
