// Regularisers in training: each step against the formula, computed by plain loops.
#include "neutra/train/regularisers.hpp"

#include "tests/io/scratch.hpp"
#include "tests/train/small.hpp"

#include <cmath>
#include <numeric>
#include <set>
#include <string>

using namespace neutra;
using small::Trained;

namespace {

constexpr Index few_steps = 4;

std::string bits_after(const std::string& spec) {
  const auto mix = small::mix();
  Trained trained(spec);
  train::Trainer trainer(trained.model, mix, small::training_of(spec, few_steps));
  while (!trainer.done()) trainer.advance();
  return trained.bits();
}

/// The backbone's values of the parameters.
std::vector<Tensor<float, Cpu>> start_of(train::Model& model) {
  std::vector<Tensor<float, Cpu>> all;
  for (const auto* p : model.parameters()) all.push_back(model.backbone()->weight(p->name).copy());
  return all;
}

double distance(const std::string& spec) {
  const auto mix = small::mix();
  Trained trained(spec);
  train::Trainer trainer(trained.model, mix, small::training_of(spec, 8));
  while (!trainer.done()) trainer.advance();
  double sum = 0;
  const auto start = start_of(trained.model);
  const auto parameters = trained.model.parameters();
  for (std::size_t p = 0; p < start.size(); ++p)
    for (Index i = 0; i < start[p].size(); ++i)
      sum += std::pow(static_cast<double>(parameters[p]->value.data()[i] - start[p].data()[i]), 2);
  return sum;
}

/// The gradient norms of a run, with weight * importance * (w - w0) added to each gradient by a plain loop.
std::vector<double> norms_by_hand(const std::vector<Tensor<float, Cpu>>& importance, double weight) {
  const auto mix = small::mix();
  Trained trained("finetune");
  const auto options = small::training(few_steps);
  const auto start = start_of(trained.model);
  const auto parameters = trained.model.parameters();
  optim::AdamW<float, Cpu> adamw(parameters, options.adamw);
  Tape<float, Cpu> tape;
  std::vector<double> norms;
  for (Index step = 0; step < few_steps; ++step) {
    const auto batch = mix.batch(step, options.batch);
    tape.start();
    tape.backward(trained.model.loss(tape, train::tokens_of(batch), {96, 96}).lm);
    for (std::size_t p = 0; p < start.size(); ++p)
      for (Index i = 0; i < start[p].size(); ++i) {
        const double away =
            static_cast<double>(parameters[p]->value.data()[i]) - static_cast<double>(start[p].data()[i]);
        const double f = importance.empty() ? 1 : static_cast<double>(importance[p].data()[i]);
        parameters[p]->gradient.data()[i] += static_cast<float>(weight * f * away);
      }
    norms.push_back(adamw.gradient_norm());
    adamw.step(options.schedule(step), norms.back());
  }
  return norms;
}

void check_norms(const std::string& spec, const std::vector<double>& expected) {
  const auto mix = small::mix();
  Trained trained(spec);
  train::Trainer trainer(trained.model, mix, small::training_of(spec, few_steps));
  std::vector<double> without = norms_by_hand({}, 0);
  for (std::size_t step = 0; step < expected.size(); ++step) {
    const auto report = trainer.advance();
    CAPTURE(spec, step);
    CHECK(report.gradient_norm == Approx(expected[step]).epsilon(1e-4));
    CHECK(report.regularisation == 0);
    if (step > 0) CHECK(std::abs(report.gradient_norm - without[step]) > 1e-3 * without[step]);
  }
}

}  // namespace

TEST_CASE("regularisers: l2_sp adds weight (w - w0) to the gradient, and holds weights near the backbone", "[train]") {
  check_norms("finetune(l2_sp=0.8)", norms_by_hand({}, 0.8));
  CHECK(distance("finetune(l2_sp=10)") < 0.7 * distance("finetune"));
  CHECK(bits_after("finetune(l2_sp=0)") == bits_after("finetune"));
}

TEST_CASE("regularisers: ewc weighs each element by its Fisher information at the start", "[train]") {
  const auto mix = small::mix();
  Trained trained("finetune");
  const auto fisher = train::fisher_diagonal(trained.model, train::Calibration(mix.original(), 9));
  check_norms("finetune(ewc=300, ewc.sequences=9)", norms_by_hand(fisher, 300));
  CHECK(bits_after("finetune(ewc=0)") == bits_after("finetune"));
  CHECK(bits_after("finetune(ewc=300, ewc.sequences=9)") != bits_after("finetune(ewc=300, ewc.sequences=8)"));
}

TEST_CASE("regularisers: ewc and ssu depend on the backbone alone, not on weights trained before", "[train]") {
  const auto mix = small::mix();
  for (const std::string spec : {"finetune(ewc=300, ewc.sequences=9)", "finetune(ssu=0.5, ssu.sequences=9)"}) {
    Trained fresh(spec), moved(spec);
    std::vector<std::vector<float>> values;
    for (auto* p : moved.model.parameters()) {
      values.emplace_back(p->value.data(), p->value.data() + p->value.size());
      std::fill_n(p->value.data(), p->value.size(), 0.5f);
    }
    train::Trainer first(fresh.model, mix, small::training_of(spec, few_steps)),
        second(moved.model, mix, small::training_of(spec, few_steps));
    for (std::size_t p = 0; p < values.size(); ++p)  // as a checkpoint is loaded once the trainer is made
      std::copy(values[p].begin(), values[p].end(), moved.model.parameters()[p]->value.data());
    while (!first.done()) first.advance();
    while (!second.done()) second.advance();
    INFO(spec);
    CHECK(fresh.bits() == moved.bits());
  }
}

TEST_CASE("regularisers: the score of a column is its sum of |w|, times the norm of its input", "[train]") {
  const std::vector<float> w = {1, -1, 0.125f, 2, 1, 1, 0.125f, -2}, squares = {1, 4, 64, 1};  // scores 2, 4, 2, 4
  const auto trained = [&](double share) {
    return train::regulariser::trained_columns({w.data(), {2, 4}}, {squares.data(), Shape{4}}, share);
  };
  CHECK(trained(0) == std::vector<float>{1, 1, 1, 1});
  CHECK(trained(0.25) == std::vector<float>{1, 0, 1, 1});  // of equal scores the lower column
  CHECK(trained(0.5) == std::vector<float>{1, 0, 1, 0});
  CHECK(trained(0.7) == std::vector<float>{0, 0, 1, 0});
  CHECK(trained(1) == std::vector<float>{0, 0, 0, 0});
}

TEST_CASE("regularisers: ssu leaves half of the columns of each projection at the backbone's values", "[train]") {
  const std::string spec = "finetune(ssu=0.5, ssu.sequences=6)";
  const auto mix = small::mix();
  Trained trained(spec);
  train::Trainer trainer(trained.model, mix, small::training_of(spec, few_steps));
  while (!trainer.done()) trainer.advance();
  Index held = 0;
  for (const auto* p : trained.model.parameters()) {
    CAPTURE(p->name);
    const auto start = trained.model.backbone()->weight(p->name).copy();
    const bool projection = p->name.find("_proj") != std::string::npos;
    const Index cols = p->value.shape().cols(), rows = p->value.shape().rows();
    Index frozen = 0;
    for (Index c = 0; c < cols; ++c) {
      Index moved = 0;
      for (Index n = 0; n < rows; ++n) moved += p->value.data()[n * cols + c] != start.data()[n * cols + c];
      CHECK((moved == 0 || moved == rows || !projection));
      frozen += projection && moved == 0;
    }
    CHECK(frozen == (projection ? cols / 2 : 0));
    held += frozen * rows;
    if (!projection) CHECK_FALSE(std::equal(start.data(), start.data() + start.size(), p->value.data()));
  }
  Index all = 0;
  for (const auto* p : trained.model.parameters()) all += p->value.size();
  CHECK(trainer.trained_weights() == all - held);
}

TEST_CASE("regularisers: ssu measures the inputs of a projection on the calibration text", "[train]") {
  // The input of q, k and v of layer 0 is the norm of the embedding.
  const auto mix = small::mix();
  const auto backbone = Trained::backbone();
  const auto embedding = backbone->weight("model.embed_tokens.weight").copy(),
             norm = backbone->weight("model.layers.0.input_layernorm.weight").copy();
  std::vector<double> squares(16);
  train::Calibration(mix.original(), 6).for_each([&](const nn::Tokens& tokens) {
    for (const std::int32_t token : tokens.inputs) {
      const float* x = embedding.data() + token * 16;
      double mean = 0;
      for (Index c = 0; c < 16; ++c) mean += static_cast<double>(x[c]) * static_cast<double>(x[c]) / 16;
      for (std::size_t c = 0; c < 16; ++c)
        squares[c] += std::pow(static_cast<double>(norm.data()[c] * x[c]), 2) / (mean + small::config().norm_epsilon);
    }
  });
  const std::string spec = "finetune(ssu=0.5, ssu.sequences=6)";
  Trained trained(spec);
  train::Trainer trainer(trained.model, mix, small::training_of(spec, 2));
  while (!trainer.done()) trainer.advance();
  for (const auto* p : trained.model.parameters()) {
    const bool reads_it =
        p->name.find("layers.0.self_attn.") != std::string::npos && p->name.find("o_proj") == p->name.npos;
    if (!reads_it) continue;
    CAPTURE(p->name);
    const auto start = backbone->weight(p->name).copy();
    std::vector<double> score(16);
    for (Index i = 0; i < start.size(); ++i)
      score[static_cast<std::size_t>(i % 16)] += std::abs(static_cast<double>(start.data()[i]));
    for (std::size_t c = 0; c < 16; ++c) score[c] *= std::sqrt(squares[c]);
    std::vector<double> sorted = score;
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t c = 0; c < 16; ++c) CHECK((p->value.data()[c] == start.data()[c]) == (score[c] >= sorted[8]));
  }
}

TEST_CASE("regularisers: kl is the mean divergence from the backbone over the original tokens of a step", "[train]") {
  const auto mix = small::mix();
  for (const std::string spec : {"finetune(kl=3)", "adapter(kl=3)", "neutral(kl=3)"}) {
    Trained trained(spec), parts(spec);
    auto options = small::training_of(spec, few_steps);
    train::Trainer trainer(trained.model, mix, options);
    options.accumulate = 2;
    train::Trainer micro(parts.model, mix, options);
    train::Model plain(Trained::backbone(), adapter::None{});
    for (Index step = 0; step < few_steps; ++step) {
      CAPTURE(spec, step);
      const auto batch = mix.batch(step, options.batch);
      Tape<float, Cpu> tape, other;
      tape.start(false);
      other.start(false);
      const nn::Tokens tokens{8, 12, batch.inputs};
      const auto x = trained.model.logits(tape, tokens).value(), wanted = plain.logits(other, tokens).value();
      double nats = 0, count = 0;
      for (Index n = 0; n < 96; ++n) {
        if (batch.domains[static_cast<std::size_t>(n / 12)] != data::Domain::original) continue;
        double x_total = 0, total = 0;
        for (Index v = 0; v < 257; ++v) {
          x_total += std::exp(static_cast<double>(x(n, v)));
          total += std::exp(static_cast<double>(wanted(n, v)));
        }
        for (Index v = 0; v < 257; ++v) {
          const double log_p = static_cast<double>(wanted(n, v)) - std::log(total);
          nats += std::exp(log_p) * (log_p - static_cast<double>(x(n, v)) + std::log(x_total));
        }
        ++count;
      }
      REQUIRE(count > 0);
      const auto report = trainer.advance();
      CHECK(report.regularisation == Approx(3 * nats / count).epsilon(1e-3).margin(1e-5));
      CHECK(micro.advance().regularisation == Approx(report.regularisation).epsilon(1e-3).margin(1e-5));
      if (step > 0) CHECK(report.regularisation > 1e-5);
    }
  }
  CHECK(bits_after("finetune(kl=0)") == bits_after("finetune"));
  CHECK(distance("finetune(kl=30)") != distance("finetune"));
}

TEST_CASE("regularisers: the same bits with 1, 2 and 3 threads", "[train]") {
  for (const std::string spec : {"finetune(ewc=50, ewc.sequences=9)", "finetune(ssu=0.5, l2_sp=1)", "finetune(kl=2)"}) {
    INFO(spec);
    std::set<std::string> bits;
    for (const int threads : {1, 2, 3}) {
      const small::Threads set(threads);
      bits.insert(bits_after(spec));
    }
    CHECK(bits.size() == 1);
    CHECK(*bits.begin() != bits_after("finetune"));
  }
}

TEST_CASE("regularisers: weights that a group freezes are left out, and without trained ones they are refused",
          "[train]") {
  CHECK_NOTHROW(bits_after("finetune(ewc=1, ssu=0.5, l2_sp=1, frozen.layers.1=true)"));
  const auto mix = small::mix();
  Trained adapter("neutral");
  CHECK(scratch::says([&] { train::Trainer(adapter.model, mix, small::training_of("finetune(l2_sp=1)", few_steps)); },
                      "l2_sp: needs trained weights of the backbone, got none"));
}
