// Training parameters apart from each other: a gate at a tenth of the body's rate, a temperature that does not decay, a
// body that stays as it is.
#include "neutra/optim/groups.hpp"

#include "tests/adapter/model.hpp"

#include <map>

namespace {

/// g = sigmoid(s / t)      t: (1,1), initially 1.5; as a matrix it decays unless a group says otherwise
struct OneTemperature {
  static constexpr std::string_view name = "tempered";

  std::vector<Weight> weights(Index) const { return {{"temperature", {1, 1}, 1.5}}; }
  template <class V> V f(V s, Parameters<V, 1> p) const { return math::sigmoid(s / p[0]); }
  template <class V> V df(V, V g, Parameters<V, 1> p) const { return g * (V(1) - g) / p[0]; }
  template <class V> Parameters<V, 1> dp(V s, V g, Parameters<V, 1> p) const {
    return {{V(0) - g * (V(1) - g) * s / (p[0] * p[0])}};
  }
};

template <Scalar S> nn::Transformer<AnyResidue<S>, S, Cpu> tempered_model() {
  auto model = tiny_model<S>(residue_of<S>(OneTemperature{}, penalty::L1{}));
  testing::fill_zero_parameters(model.parameters());
  return model;
}

/// The parameters after one step, by name.
std::map<std::string, std::vector<float>> after_step(double rate, const optim::AdamWOptions& options) {
  auto model = tempered_model<float>();
  testing::train_on(model, TinyBatch(), 1, rate, 0.1f, options);
  std::map<std::string, std::vector<float>> values;
  for (const auto* parameter : model.parameters())
    values[parameter->name] = {parameter->value.data(), parameter->value.data() + parameter->value.size()};
  return values;
}

}  // namespace

TEST_CASE("prototype: a group trains its parameters at their own rate and decay, bit for bit, and no others") {
  const std::vector<optim::ParameterGroup> groups = {{.name = "temperature", .weight_decay = 0},
                                                     {.name = "gate", .rate_factor = 0.5}};
  const auto grouped = after_step(1e-2, {.weight_decay = 1, .groups = groups});
  const auto usual = after_step(1e-2, {.weight_decay = 1}), half = after_step(5e-3, {.weight_decay = 1}),
             without = after_step(5e-3, {.weight_decay = 0});
  REQUIRE(grouped.size() == 2 * 5);
  for (const auto& [name, values] : grouped) {
    CAPTURE(name);
    const bool temperature = name.ends_with(".temperature"), gate = name.ends_with(".gate");
    CHECK((values == without.at(name)) == temperature);
    CHECK((values == half.at(name)) == gate);
    CHECK((values == usual.at(name)) == (!temperature && !gate));
  }
}

TEST_CASE("prototype: a frozen body gets no gradient, stays as it is, and the gate trains beside it") {
  const optim::AdamWOptions options{.groups = {{.name = "gate", .frozen = false}, {.name = "adapter", .frozen = true}}};
  auto model = tempered_model<double>();
  const TinyBatch batch({0, 1}, 3, 3);
  const auto all = testing::numbers_of(model, batch, 1.0);
  optim::AdamW<double, Cpu> adamw(model.parameters(), options);
  REQUIRE(adamw.parameters().size() == 2 * 2);
  const auto some = testing::numbers_of(model, batch, 1.0);
  CHECK(some.losses == all.losses);
  CHECK(some.gradients.size() == 2 * (12 + 1));
  std::size_t at = 0, of_all = 0;  // the gradients that are left are the same
  for (const auto* parameter : model.parameters()) {
    CAPTURE(parameter->name);
    const bool gate = parameter->name.ends_with(".gate") || parameter->name.ends_with(".temperature");
    CHECK((parameter->trained == gate && parameter->has_gradient == gate));
    const auto size = static_cast<std::size_t>(parameter->value.size());
    for (std::size_t i = 0; parameter->trained && i < size; ++i)
      CHECK(some.gradients[at++] == all.gradients[of_all + i]);
    of_all += size;
  }
  CHECK(model_gradient_error(model, batch) < 1e-7);
  auto trained = tempered_model<float>();
  const auto losses = testing::train_on(trained, TinyBatch(), 20, 2e-2, 0.1f, options);
  CHECK(losses.back() < losses.front());
}
