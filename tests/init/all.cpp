// Every initialisation: its formula, the variance of the values, and that they depend only on seed and name.
#include "neutra/init/all.hpp"

#include "neutra/testing/check_policy.hpp"

#include "tests/cases/message.hpp"
#include "tests/catch.hpp"

using namespace neutra;
using adapter::normal_tensor;
using testing::check_policy;
using testing::Faults;

namespace {

struct Zero {
  static constexpr std::string_view name = "zero";
  double variance(const init::Matrix&) const { return 0; }
};
struct Undefined {
  static constexpr std::string_view name = "undefined";
  double variance(const init::Matrix& m) const { return 1.0 / static_cast<double>(m.layers - 1); }
};

std::vector<float> drawn(double variance, std::uint64_t seed, std::string_view name, const Shape& shape = {100, 100}) {
  const auto tensor = normal_tensor<float, Cpu>(shape, variance, seed, name);
  return {tensor.data(), tensor.data() + tensor.size()};
}

}  // namespace

TEST_CASE("initialisations: every initialisation of the list is positive and finite, and trains") {
  for_each_type(init::All{}, []<class I>() {
    CAPTURE(I::name);
    CHECK(check_policy<I>() == Faults{});
  });
}

TEST_CASE("initialisations: the formulas") {
  const init::Matrix m{.inputs = 50, .outputs = 30, .width = 40, .layers = 5};
  CHECK(init::He{}.variance(m) == Approx(2.0 / 50));
  CHECK(init::LowVariance{}.variance(m) == Approx(1.0 / (40 * 5)));
  CHECK(init::Xavier{}.variance(m) == Approx(2.0 / (50 + 30)));
  CHECK(init::HeBody{}.variance(m) == Approx(2.0 / 50));
  CHECK(init::HeBody{}.variance({.inputs = 50, .outputs = 1, .width = 40, .layers = 5, .gate = true}) ==
        Approx(1.0 / (40 * 5)));
}

TEST_CASE("initialisations: values have the requested variance, mean 0 and normal tails") {
  const auto values = drawn(0.25, 1, "w");
  double mean = 0, square = 0, beyond = 0;
  for (const float x : values) {
    mean += x;
    square += static_cast<double>(x) * x;
    beyond += std::abs(x) > 1;  // two standard deviations
  }
  const double n = static_cast<double>(values.size());
  CHECK(std::abs(mean / n) < 4 * 0.5 / std::sqrt(n));
  CHECK(square / n == Approx(0.25).epsilon(4 * std::sqrt(2 / n)));
  CHECK(beyond / n == Approx(0.0455).margin(4 * std::sqrt(0.0455 / n)));
}

TEST_CASE("initialisations: values are a function of seed, name and index") {
  CHECK(drawn(1, 1, "w") == drawn(1, 1, "w"));
  CHECK(drawn(1, 1, "w") != drawn(1, 2, "w"));
  CHECK(drawn(1, 1, "w") != drawn(1, 1, "v"));
  const auto few = drawn(1, 1, "w", {10}), many = drawn(1, 1, "w", {20});
  CHECK(std::equal(few.begin(), few.end(), many.begin()));
  CHECK(drawn(0, 1, "w", {3}) == std::vector<float>(3, 0));
}

TEST_CASE("initialisations: a residue draws each matrix with the variance for its sizes, the output matrix at zero") {
  const nn::Config config{.vocabulary = 5, .dim = 64, .ffn = 4, .layers = 3, .heads = 1, .head_width = 4, .context = 4};
  adapter::Residue<gate::Relu, body::GatedUnit, penalty::L1, init::Xavier> residue{.width = 32};
  decltype(residue)::Instance<float, Cpu> instance(residue, config.sizes(), 7);
  REQUIRE(instance.parameters().size() == 12);
  for (const auto* parameter : instance.parameters()) {
    CAPTURE(parameter->name);
    const auto& value = parameter->value;
    double square = 0;
    for (Index i = 0; i < value.size(); ++i) square += static_cast<double>(value.data()[i]) * value.data()[i];
    const double n = static_cast<double>(value.size()),
                 expected = 2.0 / static_cast<double>(value.shape().rows() + value.shape().cols());
    if (parameter->name.ends_with("down_proj"))
      CHECK(square == 0);
    else
      CHECK(square / n == Approx(expected).epsilon(4 * std::sqrt(2 / n)));
  }
}

TEST_CASE("initialisations: an invalid variance is an Error") {
  CHECK(message([] { drawn(-1, 1, "w"); }) == "w: the initial variance must be positive and finite, got -1");
  CHECK(message([] { drawn(std::numeric_limits<double>::infinity(), 1, "w"); }) ==
        "w: the initial variance must be positive and finite, got inf");
  CHECK_FALSE(check_policy<Zero>().empty());
  CHECK_FALSE(check_policy<Undefined>().empty());
}
