// A copied block: the backbone grows by a copy of its last layer, whose two output matrices start at zero, and only the
// copy is trained.      Wu et al. 2024 (LLaMA Pro), arXiv 2401.02415
#include "neutra/nn/copied_layers.hpp"

#include "tests/adapter/model.hpp"

namespace {

/// A model of the tiny backbone and a copy of its last layer, trained alone.
template <Scalar S> nn::Transformer<adapter::None, S, Cpu> grown_model() {
  const auto grown = nn::with_copied_layers(*tiny_backbone<S>(), {1});
  nn::Transformer<adapter::None, S, Cpu> model(grown.backbone);
  model.thaw([&](const nn::Weight& weight) { return grown.copied(weight); });
  return model;
}

template <Scalar S> std::vector<S> logits(nn::Transformer<adapter::None, S, Cpu>& model) {
  const TinyBatch batch;
  Tape<S, Cpu> tape;
  tape.start(false);
  const auto value = model.logits(tape, batch.tokens()).value();
  return {value.data, value.data + value.size()};
}

}  // namespace

TEST_CASE("prototype: a copied block initially equals the backbone, and its gradient is correct") {
  nn::Transformer<adapter::None, double, Cpu> backbone(tiny_backbone<double>());
  auto model = grown_model<double>();
  CHECK(model.config().layers == 3);
  CHECK(logits(model) == logits(backbone));
  CHECK(model.parameters().size() == 9);
  for (const auto* parameter : model.parameters()) CHECK(parameter->name.starts_with("model.layers.2."));
  const TinyBatch batch({0, 1}, 3, 3);
  CHECK(model_gradient_error(model, batch, Slopes::smooth) < 1e-7);  // only the output matrices have a gradient yet
  testing::fill_zero_parameters(model.parameters());
  CHECK(model_gradient_error(model, batch, Slopes::smooth) < 1e-7);
}

TEST_CASE("prototype: a copied block trains, and all of its weights move") {
  auto model = grown_model<float>();
  const auto start = grown_model<float>();
  const auto losses = testing::train_on(model, TinyBatch());
  CHECK(losses.back() < losses.front());
  for (std::size_t i = 0; i < model.thawed_weights().size(); ++i)
    if (const auto& weight = model.thawed_weights()[i]) {
      const auto &now = weight->value, &before = start.thawed_weights()[i]->value;
      CHECK_FALSE(std::equal(now.data(), now.data() + now.size(), before.data()));
    }
}
