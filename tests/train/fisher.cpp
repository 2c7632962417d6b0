// The Fisher information, by central differences of each sequence's likelihood, and its bits on several threads.
#include "neutra/train/fisher.hpp"

#include "neutra/adapter/none.hpp"
#include "neutra/testing/tiny_model.hpp"

#include "tests/io/scratch.hpp"
#include "tests/nn/forking.hpp"
#include "tests/train/small.hpp"

#include <cmath>

using namespace neutra;
using train::Calibration;

namespace {

data::Windows windows_of(Index tokens, Index length, std::int32_t vocabulary) {
  const Philox random(8, "fisher");
  std::vector<std::int32_t> drawn;
  for (Index i = 0; i < tokens; ++i)
    drawn.push_back(static_cast<std::int32_t>(random.uniform(0, static_cast<std::uint64_t>(i)) * vocabulary));
  return {std::move(drawn), length, vocabulary, 0};
}

}  // namespace

TEST_CASE("calibration: sequences spread evenly over the text, all of them if it has no more", "[train]") {
  const auto windows = windows_of(4 * 7 + 2, 4, 19);  // seven whole windows and a short one
  const auto firsts = [&](Index asked) {
    std::vector<Index> found;
    Calibration(windows, asked).for_each([&](const nn::Tokens& tokens) {
      REQUIRE((tokens.sequences == 1 && tokens.length == 4 && tokens.domains[0] == 0));
      for (Index w = 0; w < 7; ++w) {
        data::Batch one;
        windows.read(w, 1, data::Domain::original, one);
        if (std::equal(one.targets.begin(), one.targets.end(), tokens.targets.begin())) found.push_back(w);
      }
    });
    return found;
  };
  CHECK(firsts(1) == std::vector<Index>{0});
  CHECK(firsts(3) == std::vector<Index>{0, 2, 4});
  CHECK(firsts(9) == std::vector<Index>{0, 1, 2, 3, 4, 5, 6});
  const auto shorter = windows_of(3, 4, 19);
  const data::Windows none;
  CHECK(scratch::says([&] { Calibration(shorter, 5); }, "got 5 of 0 in the text", "--original"));
  CHECK_THROWS_AS(Calibration(none, 5), Error);
}

TEST_CASE("fisher: per token, the mean squared slope of the likelihood of a sequence", "[train]") {
  const auto windows = windows_of(5 * 4, 5, 19);
  nn::Transformer<adapter::None, double> model(testing::tiny_backbone<double>(testing::tiny_config(1)));
  model.thaw([](const nn::Weight& weight) { return weight.kind.site || weight.kind.shape.rank() == 1; });
  const Calibration two(windows, 2);
  const auto fisher = train::fisher_diagonal(model, two);
  const auto parameters = model.parameters();
  REQUIRE(fisher.size() == parameters.size());
  Tape<double, Cpu> tape;
  for (std::size_t p = 0; p < fisher.size(); ++p) {
    REQUIRE(fisher[p].shape() == parameters[p]->value.shape());
    CHECK_FALSE(parameters[p]->has_gradient);
    for (Index i = 0; i < fisher[p].size(); i += 5) {  // every fifth, for time
      double& w = parameters[p]->value.data()[i];
      const double at = w, step = 1e-4;
      double squares = 0;
      two.for_each([&](const nn::Tokens& tokens) {
        const auto nats = [&](double shift) {  // of the sequence: minus the log-likelihood
          w = at + shift;
          tape.start(false);
          return 5 * static_cast<double>(model.loss(tape, tokens, {5, 5}).lm.item());
        };
        const double slope = (nats(step) - nats(-step)) / (2 * step);
        w = at;
        squares += slope * slope;
      });
      CAPTURE(parameters[p]->name, i);
      CHECK(fisher[p].data()[i] == Approx(squares / (2 * 5)).epsilon(1e-4).margin(1e-8));
    }
  }
}

TEST_CASE("fisher: the same bits with 1 and 3 threads", "[train]") {
  const auto windows = windows_of(70 * 6, 70, 300);
  std::vector<std::string> bits;
  for (const int threads : {1, 3}) {
    const small::Threads set(threads);
    auto model = forking::model(adapter::None{}, true);
    std::string all;
    for (const auto& one : train::fisher_diagonal(model, Calibration(windows, 4)))
      all.append(reinterpret_cast<const char*>(one.data()), static_cast<std::size_t>(one.size()) * sizeof(float));
    bits.push_back(all);
  }
  CHECK(bits[0] == bits[1]);
  CHECK(bits[0].find_first_not_of('\0') != std::string::npos);
}
