// Intervals and exact probabilities against values computed elsewhere.
#include "neutra/train/accuracy.hpp"

#include "tests/io/scratch.hpp"

using namespace neutra;
using train::Accuracy;
using train::Paired;

TEST_CASE("accuracy: Wilson's interval", "[train]") {
  // Newcombe 1998, table I, method 3.
  const auto check = [](Index right, Index questions, double low, double high) {
    const Accuracy accuracy{right, questions};
    CHECK(accuracy.low() == Approx(low).margin(5e-5));
    CHECK(accuracy.high() == Approx(high).margin(5e-5));
  };
  check(81, 263, 0.2553, 0.3662);
  check(15, 148, 0.0624, 0.1605);
  check(0, 20, 0.0, 0.1611);
  check(1, 29, 0.0061, 0.1718);
  check(20, 20, 1 - 0.1611, 1.0);
  CHECK(Accuracy{1, 4}.value() == 0.25);
}

TEST_CASE("accuracy: McNemar's exact test", "[train]") {
  CHECK(Paired{0, 0}.p() == 1);
  CHECK(Paired{3, 3}.p() == 1);
  CHECK(Paired{0, 1}.p() == Approx(1));
  CHECK(Paired{0, 5}.p() == Approx(2.0 / 32));
  CHECK(Paired{5, 0}.p() == Approx(2.0 / 32));
  CHECK(Paired{2, 8}.p() == Approx(2 * (1 + 10 + 45) / 1024.0));
  CHECK(Paired{400, 600}.p() < 1e-9);
  CHECK(Paired{0, 5000}.p() == 0);  // smaller than any double
}

TEST_CASE("accuracy: questions are counted and paired one by one", "[train]") {
  const std::vector<bool> first{true, true, false, false, true}, second{true, false, true, false, false};
  CHECK(train::accuracy_of(first).right == 3);
  CHECK(train::accuracy_of(first).questions == 5);
  const Paired counts = train::paired(first, second);
  CHECK(counts.first_only == 2);
  CHECK(counts.second_only == 1);
  CHECK(scratch::says([&] { train::paired(first, {true}); }, "same questions", "5 and 1"));
}
