// The divergence from the teacher as a loss: its value by plain loops, its gradient by central differences.
#include "neutra/train/teacher.hpp"

#include "neutra/adapter/any.hpp"
#include "neutra/adapter/lora.hpp"
#include "neutra/backend/record/record.hpp"
#include "neutra/testing/model_gradient.hpp"

#include "tests/cases/message.hpp"
#include "tests/catch.hpp"

#include <cmath>
#include <memory>
#include <utility>

using namespace neutra;
using Chosen = adapter::Any<double, Cpu>;
using Model = nn::Transformer<Chosen, double>;

namespace {

/// A model that has moved from its backbone.
std::unique_ptr<Model> moved(const Chosen& adapter, bool thaw) {
  auto model = std::make_unique<Model>(testing::tiny_backbone<double>(testing::tiny_config(1)), adapter, 3);
  if (thaw) model->thaw();
  testing::fill_zero_parameters(model->parameters());
  for (auto* p : model->parameters())
    for (Index i = 0; i < p->value.size(); ++i) p->value.data()[i] *= 1.1;
  return model;
}

/// The logits of every token, (B*T,V).
std::vector<double> logits_of(Model& model, const nn::Tokens& tokens) {
  Tape<double, Cpu> tape;
  tape.start(false);
  const auto logits = model.logits(tape, tokens).value();
  return {logits.data, logits.data + logits.size()};
}

/// log softmax(x)[c] of a row of 19
double log_share(const double* x, int c) {
  double total = 0;
  for (int v = 0; v < 19; ++v) total += std::exp(x[v]);
  return x[c] - std::log(total);
}

}  // namespace

TEST_CASE("teacher: the divergence of the tokens of original-domain sequences, and of no other", "[train]") {
  for (const bool thaw : {false, true}) {
    const auto model = moved(thaw ? Chosen(adapter::None{}) : Chosen(adapter::Lora{.rank = 2}), thaw);
    Model plain(model->backbone(), adapter::None{});
    train::Teacher<Chosen, double, Cpu> teacher(*model);
    for (const std::vector<std::uint8_t>& domains :
         std::vector<std::vector<std::uint8_t>>{{0, 1, 1, 0}, {0}, {1, 1, 0}}) {
      const testing::TinyBatch batch(domains);
      const auto x = logits_of(*model, batch.tokens()), wanted = logits_of(plain, batch.tokens());
      double nats = 0;
      for (std::size_t n = 0; n < batch.inputs.size(); ++n)
        for (int c = 0; c < 19 && domains[n / 5] == 0; ++c) {
          const double p = log_share(wanted.data() + 19 * n, c);
          nats += std::exp(p) * (p - log_share(x.data() + 19 * n, c));
        }
      Tape<double, Cpu> tape;
      tape.start();
      const auto losses = model->loss(tape, batch.tokens(), batch.counts());
      const auto found = teacher.divergence(batch.tokens(), losses.hidden, 0.3);
      REQUIRE(found);
      CHECK(nats > 0.01);
      CHECK(found->item() == Approx(0.3 * nats).epsilon(1e-10));
    }
  }
}

TEST_CASE("teacher: nothing for a batch of target sequences, and an Error for one without domains", "[train]") {
  const auto model = moved(adapter::Lora{.rank = 2}, false);
  train::Teacher<Chosen, double, Cpu> teacher(*model);
  const testing::TinyBatch batch({1, 1});
  Tape<double, Cpu> tape;
  tape.start();
  const auto losses = model->loss(tape, batch.tokens(), batch.counts());
  CHECK_FALSE(teacher.divergence(batch.tokens(), losses.hidden, 1));
  auto unknown = batch.tokens();
  unknown.domains = {};
  CHECK(message([&] { teacher.divergence(unknown, losses.hidden, 1); }) ==
        "teacher: each of the 2 sequences needs a domain, got 0; give Tokens::domains");
}

TEST_CASE("teacher: the gradient of both losses is that of central differences", "[train]") {
  const testing::TinyBatch batch({0, 1, 0});
  for (const bool thaw : {false, true}) {
    const auto model = moved(thaw ? Chosen(adapter::None{}) : Chosen(adapter::Lora{.rank = 2}), thaw);
    train::Teacher<Chosen, double, Cpu> teacher(*model);
    Tape<double, Cpu> tape;
    const auto loss = [&] {
      tape.start();
      const auto losses = model->loss(tape, batch.tokens(), batch.counts());
      const auto further = teacher.divergence(batch.tokens(), losses.hidden, 0.3);
      return add(losses.lm, *further);
    };
    const auto parameters = model->parameters();
    for (auto* p : parameters) p->has_gradient = false;
    tape.backward(loss());
    double errors = 0, squares = 0;
    for (auto* p : parameters)
      for (Index i = 0; i < p->value.size(); i += 3) {  // every third, for time
        const double start = p->value.data()[i];
        const auto moved = [&](double x) {
          p->value.data()[i] = x;
          return loss().item();
        };
        const auto [numeric, error] =
            testing::detail::slope_of(moved, start, p->gradient.data()[i], testing::Slopes::smooth);
        p->value.data()[i] = start;
        errors += error * error;
        squares += numeric * numeric;
      }
    CAPTURE(thaw);
    CHECK(squares > 0);
    CHECK(std::sqrt(errors) < 1e-7 * std::sqrt(squares));
  }
}

TEST_CASE("teacher: nothing in a step waits for the device", "[train]") {
  using Recorded = nn::Transformer<adapter::None, float, Recorder>;
  const auto config = testing::tiny_config(1);
  Recorded model(nn::Backbone<float, Recorder>::random(config, 1));
  model.thaw();
  train::Teacher<adapter::None, float, Recorder> teacher(model);
  const testing::TinyBatch batch({0, 1, 0});
  Tape<float, Recorder> tape;
  tape.start();
  Recorder::log.clear();
  const auto losses = model.loss(tape, batch.tokens(), batch.counts());
  const auto further = teacher.divergence(batch.tokens(), losses.hidden, 1);
  tape.backward(add(losses.lm, *further));
  for (const std::string& line : std::exchange(Recorder::log, {})) {
    CAPTURE(line);
    CHECK((line != "read" && line.rfind("download", 0) != 0 && line.rfind("open_rows", 0) != 0));
  }
}
