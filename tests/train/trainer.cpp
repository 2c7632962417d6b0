// One training step: what it reports, that micro-batches change only rounding,
// and that it stops before a step that is not finite.
#include "neutra/train/trainer.hpp"

#include "tests/io/scratch.hpp"
#include "tests/train/small.hpp"

#include <limits>
#include <utility>

using namespace neutra;
using small::Trained;
using train::StepReport;

namespace {

std::vector<StepReport> run(Trained& trained, const data::Mix& mix, const train::TrainingOptions& options) {
  train::Trainer trainer(trained.model, mix, options);
  std::vector<StepReport> reports;
  while (!trainer.done()) reports.push_back(trainer.advance());
  return reports;
}

}  // namespace

TEST_CASE("trainer: accumulating 1, 2 and 4 micro-batches gives the same losses to rounding", "[train]") {
  const auto mix = small::mix();
  for (const std::string method : {"neutral", "adapter", "lora", "finetune"}) {
    Trained whole(method);
    const auto expected = run(whole, mix, small::training(8));
    for (const Index accumulate : {2, 4}) {
      INFO(method << ", " << accumulate << " micro-batches");
      Trained parts(method);
      const auto reports = run(parts, mix, small::training(8, 8, accumulate));
      REQUIRE(reports.size() == 8);
      for (std::size_t t = 0; t < reports.size(); ++t) {
        CHECK(reports[t].lm == Approx(expected[t].lm).epsilon(2e-5));
        CHECK(reports[t].local == Approx(expected[t].local).epsilon(2e-4).margin(1e-9));
        CHECK(reports[t].gradient_norm == Approx(expected[t].gradient_norm).epsilon(2e-4));
      }
    }
  }
}

TEST_CASE("trainer: the local loss is of the neutral method alone, and alpha reaches nothing else", "[train]") {
  const auto mix = small::mix();
  for (const std::string method : {"adapter", "lora", "finetune"}) {
    INFO(method);
    Trained with(method), without(method);
    for (const auto& report : run(with, mix, small::training(5, 8, 1, 100))) CHECK(report.local == 0);
    run(without, mix, small::training(5, 8, 1, 0));
    CHECK(with.bits() == without.bits());
  }
  Trained with("neutral"), without("neutral");
  const auto reports = run(with, mix, small::training(12, 8, 1, 100));
  const auto free = run(without, mix, small::training(12, 8, 1, 0));
  CHECK(reports.back().local > 0);
  CHECK(reports.back().local < free.back().local);  // alpha penalises the local loss
  CHECK(with.bits() != without.bits());
}

TEST_CASE("trainer: an adapter that trains in stages learns where it is in training", "[train]") {
  const auto mix = small::mix();
  Trained trained("moe_lpr(experts=2, review=0.3)");
  train::Trainer trainer(trained.model, mix, small::training(10));
  const auto bits = [&](bool routers) {
    std::string bytes;
    for (const auto* p : trained.model.parameters())
      if (p->name.ends_with(".router") == routers)
        bytes.append(reinterpret_cast<const char*>(p->value.data()),
                     static_cast<std::size_t>(p->value.size()) * sizeof(float));
    return bytes;
  };
  while (!trainer.done()) {
    const std::string experts = bits(false), routers = bits(true);
    const StepReport report = trainer.advance();
    INFO("step " << report.step);
    CHECK((bits(false) == experts) == (report.step >= 7));
    CHECK(bits(true) != routers);
    CHECK((report.local > 0 || report.step >= 7));  // a step may draw no original text
  }
}

TEST_CASE("trainer: the first loss is the backbone's, in nats per token, and training lowers it", "[train]") {
  const auto mix = small::mix();
  Trained trained("neutral");
  const auto batch = mix.batch(0, 8);
  Tape<float, Cpu> tape;
  train::Model plain(Trained::backbone(), adapter::None{});
  tape.start(false);
  const View<const float> logits = plain.logits(tape, {8, 12, batch.inputs}).value();
  double nats = 0;
  for (Index n = 0; n < logits.rows(); ++n) {
    double total = 0;
    for (Index v = 0; v < 257; ++v) total += std::exp(static_cast<double>(logits.row(n)[v]));
    nats += std::log(total) - static_cast<double>(logits.row(n)[batch.targets[static_cast<std::size_t>(n)]]);
  }
  const auto reports = run(trained, mix, small::training(40));
  CHECK(reports[0].lm == Approx(nats / 96).epsilon(1e-5));  // an untrained residue adds nothing
  CHECK(reports.back().lm < reports[0].lm - 0.1);
  CHECK(reports[0].rate == Approx(5e-3));
  CHECK(reports[1].rate == Approx(1e-2));
  CHECK(reports[39].rate < 1.1e-3);
  for (std::size_t t = 0; t < reports.size(); ++t) CHECK(reports[t].step == static_cast<Index>(t));
}

TEST_CASE("trainer: only scored tokens enter the loss, divided by their number in the step, with micro-batches too",
          "[train]") {
  const std::string text = small::letters('n', 5, 1100, 2);
  const auto mix_of = [&](data::Runs unscored) {
    const data::ByteTokenizer bytes;
    return data::Mix(small::windows(small::letters('a', 5, 900, 1)),
                     {data::TokenStream(bytes.encode(text), std::move(unscored)), 12, 257, 256}, 0.25, 3);
  };
  data::Runs unscored;
  for (std::size_t at = 0; at < text.size(); at += 10) unscored.push_back({at, at + 7});  // over the windows' cuts
  const auto mix = mix_of(unscored);
  const auto batch = mix.batch(0, 8);
  const auto hidden = std::count(batch.targets.begin(), batch.targets.end(), not_scored);
  REQUIRE((hidden > 40 && hidden < 60));
  CHECK(mix.unscored_in_step(0, 8) == hidden);
  CHECK(mix_of({}).unscored_in_step(0, 8) == 0);
  Tape<float, Cpu> tape;
  train::Model plain(Trained::backbone(), adapter::None{});
  tape.start(false);
  const View<const float> logits = plain.logits(tape, {8, 12, batch.inputs}).value();
  double nats = 0;
  for (Index n = 0; n < logits.rows(); ++n) {
    const auto target = batch.targets[static_cast<std::size_t>(n)];
    if (target == not_scored) continue;
    double total = 0;
    for (Index v = 0; v < 257; ++v) total += std::exp(static_cast<double>(logits.row(n)[v]));
    nats += std::log(total) - static_cast<double>(logits.row(n)[target]);
  }
  for (const std::string method : {"neutral", "finetune"}) {
    Trained whole(method), parts(method), all(method);
    const auto reports = run(whole, mix, small::training(6));
    CHECK(reports[0].lm == Approx(nats / static_cast<double>(96 - hidden)).epsilon(1e-5));
    const auto accumulated = run(parts, mix, small::training(6, 8, 4));
    CHECK(accumulated.back().lm == Approx(reports.back().lm).epsilon(2e-5));
    run(all, mix_of({}), small::training(6));
    CHECK(all.bits() != whole.bits());
  }
  // A step in which nothing is scored changes nothing but by weight decay, which is off for this.
  Trained still("neutral");
  const std::string before = still.bits();
  const data::Mix silent({}, {data::TokenStream(data::ByteTokenizer().encode(text), {{0, text.size()}}), 12, 257, 256},
                         0, 3);
  auto options = small::training(2, 8, 1, 0);
  options.adamw.weight_decay = 0;
  for (const auto& report : run(still, silent, options)) CHECK((report.lm == 0 && report.gradient_norm == 0));
  CHECK(still.bits() == before);
}

TEST_CASE("trainer: the same bits with 1, 2 and 3 threads", "[train]") {
  const auto mix = small::mix();
  for (const std::string method : {"neutral", "lora", "finetune"}) {
    std::vector<std::string> bits;
    for (const int threads : {1, 2, 3}) {
      const small::Threads set(threads);
      Trained trained(method);
      run(trained, mix, small::training(4));
      bits.push_back(trained.bits());
    }
    INFO(method);
    CHECK(bits[0] == bits[1]);
    CHECK(bits[0] == bits[2]);
    Trained untrained(method);
    CHECK(bits[0] != untrained.bits());
  }
}

TEST_CASE("trainer: a loss that is not finite stops with the step and the largest gradient, and nothing is changed",
          "[train]") {
  const auto mix = small::mix();
  Trained trained("finetune");
  train::Trainer trainer(trained.model, mix, small::training(5));
  trainer.advance();
  trainer.advance();
  trained.model.parameters()[2]->value.data()[0] = std::numeric_limits<float>::infinity();
  const std::string before = trained.bits();
  CHECK(scratch::says([&] { trainer.advance(); }, "training: step 2 gave a loss of", "largest in ",
                      trained.model.parameters()[0]->name.substr(0, 12), "lower the learning rate"));
  CHECK(trained.bits() == before);
  CHECK(trainer.steps_done() == 2);
  try {
    trainer.advance();
    FAIL("it must not go on");
  } catch (const train::Diverged& error) {
    CHECK(error.where().step == 2);
    CHECK_FALSE(error.where().parameter.empty());
  }
  CHECK_THROWS_AS(trainer.check_finite(), train::Diverged);
}

TEST_CASE("trainer: once the cause of an Error is removed, training continues as if it had not occurred", "[train]") {
  const auto mix = small::mix();
  Trained stumbling("finetune"), straight("finetune");
  run(straight, mix, small::training(5, 8, 2));
  train::Trainer trainer(stumbling.model, mix, small::training(5, 8, 2));
  trainer.advance();
  float& weight = stumbling.model.parameters()[2]->value.data()[0];
  const float held = std::exchange(weight, std::numeric_limits<float>::infinity());
  CHECK_THROWS_AS(trainer.advance(), Error);
  weight = held;
  while (!trainer.done()) trainer.advance();
  CHECK(stumbling.bits() == straight.bits());
}

TEST_CASE("trainer: invalid options are refused", "[train]") {
  const auto mix = small::mix();
  Trained trained("lora");
  train::Model frozen(Trained::backbone(), adapter::None{});
  const auto make = [&](train::Model& model, const train::TrainingOptions& options) {
    return [&mix, &model, options] { train::Trainer(model, mix, options); };
  };
  CHECK(scratch::says(make(trained.model, small::training(5, 8, 3)), "batch of 8", "3 micro-batches"));
  CHECK(scratch::says(make(trained.model, small::training(5, 8, 0)), "micro-batches"));
  CHECK(scratch::says(make(trained.model, small::training(1)), "warm-up"));
  CHECK(scratch::says(make(frozen, small::training(5)), "nothing to train"));
}
