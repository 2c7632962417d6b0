// An adapter that is trained already beneath one that is trained: no gradient, no local loss, the same values.
#include "neutra/adapter/fixed.hpp"

#include "neutra/adapter/any_list.hpp"
#include "neutra/adapter/control_llm.hpp"
#include "neutra/adapter/lora.hpp"
#include "neutra/nn/host.hpp"

#include "tests/adapter/model.hpp"
#include "tests/io/scratch.hpp"

using adapter::AnyList;
using adapter::Fixed;

namespace {

template <Scalar S> adapter::Any<S, Cpu> danish() { return residue_of<S>(gate::Relu{}, penalty::L1{}); }
template <Scalar S> adapter::Any<S, Cpu> hungarian() {
  return residue_of<S>(gate::Sigmoid{}, penalty::L2{}, Placement::after);
}

/// The weights of the first adapter as training might leave them.
template <Scalar S> std::shared_ptr<std::vector<Tensor<S>>> weights(const adapter::Any<S, Cpu>& of) {
  auto model = tiny_model<S>(of);
  testing::fill_zero_parameters(model.parameters());
  auto values = std::make_shared<std::vector<Tensor<S>>>();
  std::deque<Tensor<S>> copies;
  for (const auto* parameter : model.parameters()) {
    const View<const S> from = nn::on_host(*parameter, copies);
    std::copy_n(from.data, from.size(), values->emplace_back(from.shape).data());
  }
  return values;
}

/// The second adapter on the first; the second's zeros are filled.
template <Scalar S> nn::Transformer<AnyList<S, Cpu>, S, Cpu> on_fixed(std::uint64_t seed = 2) {
  const Fixed<S, Cpu> first{danish<S>(), weights<S>(danish<S>())};
  nn::Transformer<AnyList<S, Cpu>, S, Cpu> model(tiny_backbone<S>(), AnyList<S, Cpu>{{first, hungarian<S>()}}, seed);
  testing::fill_zero_parameters(model.parameters());
  return model;
}

}  // namespace

TEST_CASE("fixed: the adapter on it is trained alone, with right gradients") {
  auto model = on_fixed<double>();
  const TinyBatch batch;
  CHECK(model_gradient_error(model, batch, Slopes::kinked) < 1e-7);
  Tape<double, Cpu> tape;
  tape.start();
  tape.backward(model.loss(tape, batch.tokens(), batch.counts()).total(0.1));
  Index trained = 0;
  for (const auto* parameter : model.parameters()) {
    CHECK(parameter->trained == parameter->name.starts_with("1."));
    CHECK(parameter->has_gradient == parameter->trained);
    CHECK(parameter->gradient.empty() == !parameter->trained);  // no memory for gradient and moments either
    trained += parameter->trained;
  }
  CHECK(trained == 2 * 4);
  optim::AdamW<double, Cpu> adamw(model.parameters(), {});
  CHECK(adamw.parameters().size() == 2 * 4);
}

TEST_CASE("fixed: its weights stay as they are, and it computes what it computes alone") {
  const Fixed<float, Cpu> first{danish<float>(), weights<float>(danish<float>())};
  nn::Transformer<Fixed<float, Cpu>> fixed(tiny_backbone<float>(), first);
  auto free = tiny_model<float>(danish<float>());
  testing::fill_zero_parameters(free.parameters());
  const TinyBatch batch;
  Tape<float, Cpu> tape;
  const auto logits = [&](auto& model) {
    tape.start(false);
    const auto value = model.logits(tape, batch.tokens()).value();
    return std::vector<float>(value.data, value.data + value.size());
  };
  CHECK(logits(fixed) == logits(free));

  auto model = on_fixed<float>();
  optim::AdamW<float, Cpu> adamw(model.parameters(), {});
  for (int step = 0; step < 3; ++step) {
    tape.start();
    tape.backward(model.loss(tape, batch.tokens(), batch.counts()).total(0.1f));
    adamw.step(1e-2, adamw.gradient_norm());
  }
  for (std::size_t i = 0; i < first.weights->size(); ++i) {
    const auto& value = model.parameters()[i]->value;
    CHECK(std::equal(value.data(), value.data() + value.size(), (*first.weights)[i].data()));
  }
}

TEST_CASE("fixed: the local loss and the probe are those of the adapter on it") {
  const TinyBatch batch;
  const auto counted = [&](auto& model) {
    Tape<float, Cpu> tape;
    tape.start();
    const auto losses = model.loss(tape, batch.tokens(), batch.counts());
    const auto local = losses.local.has_value();
    adapter::Probe<float, Cpu> probe(model.config().layers);
    tape.start(false);
    model.loss(tape, batch.tokens(), batch.counts(), &probe);
    return std::pair(local, probe.counts(0).front().tokens);
  };
  const Fixed<float, Cpu> first{danish<float>(), weights<float>(danish<float>())};
  nn::Transformer<Fixed<float, Cpu>> fixed(tiny_backbone<float>(), first);
  CHECK(counted(fixed) == std::pair(false, 0.0));
  auto model = on_fixed<float>();
  CHECK(counted(model) == std::pair(true, 20.0));
  CHECK(adapter::Any<float, Cpu>(first).local_loss() == std::nullopt);
  const adapter::Any<float, Cpu> copies = adapter::ControlLlm{.blocks = 1};
  nn::Transformer<Fixed<float, Cpu>> copied(tiny_backbone<float>(), {copies, weights<float>(copies)});
  CHECK(counted(copied) == std::pair(false, 0.0));
}

TEST_CASE("fixed: a list with it is saved as the list of both") {
  const adapter::Sizes sizes = testing::tiny_config().sizes();
  const Fixed<float, Cpu> first{danish<float>(), weights<float>(danish<float>())};
  const auto both = AnyList<float, Cpu>{{first, adapter::Lora{.rank = 2}}}.describe(sizes);
  const auto free = AnyList<float, Cpu>{{danish<float>(), adapter::Lora{.rank = 2}}}.describe(sizes);
  CHECK(both.settings == free.settings);
  CHECK(both.weights == free.weights);
  CHECK(text_of(both.settings.at("0")) == "residue");
}

TEST_CASE("fixed: weights of another adapter are refused") {
  const auto make = [](std::shared_ptr<std::vector<Tensor<float>>> own) {
    return [own] { tiny_model<float>(Fixed<float, Cpu>{danish<float>(), own}); };
  };
  CHECK(scratch::says(make(nullptr), "fixed: the adapter has 8 parameters in this model, but got the weights of 0"));
  auto wrong = weights<float>(danish<float>());
  wrong->front() = Tensor<float>({3, 3});
  CHECK(scratch::says(make(wrong), "fixed: adapter.0.gate must be", "got weights of shape (3,3)"));
}
