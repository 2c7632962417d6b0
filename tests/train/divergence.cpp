// The divergence of a model from its backbone, against a plain computation in double.
#include "neutra/train/divergence.hpp"

#include "tests/train/small.hpp"

using namespace neutra;

namespace {

std::vector<double> log_softmax(const float* row, Index count) {
  double total = 0;
  for (Index v = 0; v < count; ++v) total += std::exp(double{row[v]} - double{row[0]});
  std::vector<double> all;
  for (Index v = 0; v < count; ++v) all.push_back(double{row[v]} - double{row[0]} - std::log(total));
  return all;
}

/// sum over the tokens of one window of KL(backbone || model)
double plain_nats(train::Model& model, train::Model& backbone, const data::Windows& windows, Index window) {
  data::Batch part;
  windows.read(window, 1, data::Domain::target, part);
  Tape<float, Cpu> one, other;
  one.start(false);
  other.start(false);
  const View<const float> q = model.logits(one, train::tokens_of(part)).value();
  const View<const float> p = backbone.logits(other, train::tokens_of(part)).value();
  double nats = 0;
  for (Index n = 0; n < part.tokens(); ++n) {
    const auto log_p = log_softmax(p.row(n), p.cols()), log_q = log_softmax(q.row(n), q.cols());
    for (std::size_t v = 0; v < log_p.size(); ++v) nats += std::exp(log_p[v]) * (log_p[v] - log_q[v]);
  }
  return nats;
}

}  // namespace

TEST_CASE("divergence: of a trained model, over all windows and over some", "[train]") {
  small::Trained trained("neutral");
  const auto mix = small::mix();
  train::Trainer trainer(trained.model, mix, small::training(30, 8, 1, 0.01));
  train::Model backbone(trained.model.backbone(), adapter::None{});
  const std::string text = small::letters('n', 5, 100, 7);  // eight windows of 12, and one of 4
  const train::EvaluationText all{small::windows(text), 100};
  Tape<float, Cpu> tape;
  const auto of = [&](Index windows) {
    return train::divergence(trained.model, backbone, tape, all, data::Domain::target, windows).value();
  };
  CHECK(of(128) == 0);  // before training
  while (!trainer.done()) trainer.advance();
  double nats = 0;
  for (Index window = 0; window < 9; ++window) nats += plain_nats(trained.model, backbone, all.windows, window);
  CHECK(of(128) == Approx(nats / 100).epsilon(1e-4));
  nats = 0;
  for (const Index window : {0, 3, 6}) nats += plain_nats(trained.model, backbone, all.windows, window);
  CHECK(of(3) == Approx(nats / 36).epsilon(1e-4));
  CHECK(nats > 1e-3);
  CHECK_FALSE(train::divergence(trained.model, backbone, tape, {}, data::Domain::target).has_value());
}
