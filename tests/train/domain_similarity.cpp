// The similarity of two texts in each layer, against the mean over all pairs of tokens.
#include "neutra/train/domain_similarity.hpp"

#include "tests/train/small.hpp"

#include <cmath>

using namespace neutra;

namespace {

using Rows = std::vector<std::vector<double>>;

/// What the FFN of each layer reads of each token.
struct Recording {
  static constexpr std::string_view name = "recording";
  std::vector<Rows>* rows = nullptr;

  adapter::Description describe(const adapter::Sizes&) const { return {.kind = std::string(name)}; }

  template <Scalar S, Backend D> class Instance {
   public:
    Instance(const Recording& described, const adapter::Sizes& sizes, std::uint64_t) : rows_(*described.rows) {
      rows_.resize(static_cast<std::size_t>(sizes.layers));
    }
    std::vector<Parameter<S, D>*> parameters() { return {}; }
    Var<S, D> apply(adapter::Site site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>&) {
      const View<const S> read = x.value();
      for (Index n = 0; site == adapter::Site::ffn && n < read.rows(); ++n)
        rows_[static_cast<std::size_t>(layer)].emplace_back(read.row(n), read.row(n) + read.cols());
      return y;
    }

   private:
    std::vector<Rows>& rows_;
  };
};

std::vector<Rows> rows_of(const data::Windows& text, Index sequences) {
  std::vector<Rows> rows;
  train::Model model(small::Trained::backbone(), Recording{&rows});
  Tape<float, Cpu> tape;
  train::Calibration(text, sequences).for_each([&](const nn::Tokens& tokens) {
    tape.start(false);
    model.logits(tape, tokens);
  });
  return rows;
}

double cosine(const std::vector<double>& a, const std::vector<double>& b) {
  double product = 0, squares = 0, others = 0;
  for (std::size_t c = 0; c < a.size(); ++c) {
    product += a[c] * b[c];
    squares += a[c] * a[c];
    others += b[c] * b[c];
  }
  return product / std::sqrt(squares * others);
}

}  // namespace

TEST_CASE("domain similarity: the mean cosine over all pairs of tokens, in each layer", "[train]") {
  const auto original = small::windows(small::letters('a', 5, 300, 1)), target = small::windows("nopqrstnopqrstnopqr");
  const auto similarity = train::domain_similarity(small::Trained::backbone(), original, target, 5);
  const auto ours = rows_of(original, 5), theirs = rows_of(target, 5);
  REQUIRE(similarity.size() == 2);
  REQUIRE(ours[0].size() == 5 * 12);
  REQUIRE(theirs[0].size() == 12);  // one whole window
  for (std::size_t layer = 0; layer < 2; ++layer) {
    double sum = 0;
    for (const auto& a : ours[layer])
      for (const auto& b : theirs[layer]) sum += cosine(a, b);
    CHECK(similarity[layer] == Approx(sum / (5 * 12 * 12)).epsilon(1e-5).margin(1e-7));
  }
  CHECK(train::domain_similarity(small::Trained::backbone(), target, original, 5)[1] ==
        Approx(similarity[1]).epsilon(1e-6).margin(1e-8));
}
