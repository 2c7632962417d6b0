// OPLoRA: the update keeps off the leading singular directions, equality with merged weights, gradients, Errors.
#include "neutra/adapter/oplora.hpp"

#include "neutra/adapter/any.hpp"
#include "neutra/core/eigen.hpp"

#include "tests/adapter/model.hpp"
#include "tests/cases/message.hpp"

#include <map>

namespace {

using adapter::OpLora;
using adapter::Site;
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

OpLora oplora(Index top = 2) {
  OpLora made;
  made.lora.rank = 2;
  made.lora.scale = 0.5;
  made.top = top;
  return made;
}

Matrix projector(const Tensor<double>& q) {
  const auto rows = as_eigen(q.view());
  return Matrix::Identity(q.shape().cols(), q.shape().cols()) - rows.transpose() * rows;
}

/// P_L B A P_R of one projection.
template <class Model>
Matrix update_of(Model& model, const Tensor<double, Cpu>& weight, const std::string& prefix, Index top) {
  std::map<std::string, const Tensor<double, Cpu>*> found;
  for (auto* parameter : model.parameters()) found[parameter->name] = &parameter->value;
  const auto vectors = adapter::leading_singular_vectors(weight.view(), top);
  return projector(vectors.left) * as_eigen(found.at(prefix + "lora_b")->view()) *
         as_eigen(found.at(prefix + "lora_a")->view()) * projector(vectors.right);
}

}  // namespace

TEST_CASE("singular vectors: orthonormal, in order, and those of the matrix") {
  const auto w = testing::random_tensor<double, Host>({7, 12}, "w");
  const auto found = adapter::leading_singular_vectors(View<const double>(w.view()), 3);
  const auto left = as_eigen(found.left.view()), right = as_eigen(found.right.view());
  CHECK((left * left.transpose() - Matrix::Identity(3, 3)).norm() < 1e-13);
  CHECK((right * right.transpose() - Matrix::Identity(3, 3)).norm() < 1e-13);
  const Matrix values = left * as_eigen(w.view()) * right.transpose();
  CHECK((values - Matrix(values.diagonal().asDiagonal())).norm() < 1e-12);
  CHECK(values(0, 0) > values(1, 1));
  CHECK(values(1, 1) > values(2, 2));
  CHECK((as_eigen(w.view()) * right.row(0).transpose()).norm() == Approx(values(0, 0)));
  CHECK(message([&] { adapter::leading_singular_vectors(View<const double>(w.view()), 8); }) ==
        "singular vectors: their number must be from 1 to 7, the smaller side of (7,12), got 8");
}

TEST_CASE("oplora: the logits are those of W + scale P_L B A P_R, which has the leading singular triples of W") {
  const TinyBatch batch;
  for (const auto& config : tiny_configs()) {
    const auto bare = tiny_backbone<double>(config);
    nn::Transformer<OpLora, double, Cpu> model(bare, oplora(), 1);
    testing::fill_zero_parameters(model.parameters());
    const auto merged = std::make_shared<const nn::Backbone<double, Cpu>>(bare->config(), [&](const nn::Weight& made) {
      auto weight = bare->weight(made.name).copy();
      if (!made.kind.site) return weight;
      const std::string prefix = concat("adapter.", made.layer, ".", adapter::to_string(*made.kind.site), ".");
      const Matrix update = update_of(model, weight, prefix, 2);
      CHECK(update.norm() > 1e-2);
      const auto vectors = adapter::leading_singular_vectors(View<const double>(weight.view()), 2);
      CHECK((update * as_eigen(vectors.right.view()).transpose()).norm() < 1e-12);
      CHECK((as_eigen(vectors.left.view()) * update).norm() < 1e-12);
      as_eigen(weight.view()) += 0.5 * update;
      return weight;
    });
    nn::Transformer<adapter::None, double, Cpu> plain(merged);
    plain.thaw();
    CHECK(relative_difference(testing::numbers_of(model, batch, 0.0).logits,
                              testing::numbers_of(plain, batch, 0.0).logits) < 1e-12);
  }
}

TEST_CASE("oplora: it starts as the backbone, its gradients are correct, and it trains") {
  const TinyBatch batch({0, 1}, 3, 3);
  auto model = tiny_model<double>(oplora());
  CHECK(testing::numbers_of(model, batch, 0.0).logits == backbone_logits<double>(batch));
  testing::fill_zero_parameters(model.parameters());
  CHECK(model_gradient_error(model, batch, Slopes::smooth) < 1e-7);
  auto trained = tiny_model<float>(adapter::Any<float, Cpu>(oplora()));
  const auto losses = testing::train_on(trained, TinyBatch(), 6);
  CHECK(losses.back() < losses.front());
}

TEST_CASE("oplora: a number of directions that leaves none, or is none, is an Error") {
  const adapter::Sizes sizes = testing::tiny_config().sizes();
  CHECK(message([&] { oplora(6).describe(sizes); }) ==
        "oplora: top, the number of singular directions, must be from 1 to 5 at the projection 'k', got 6; choose "
        "fewer, or other targets");
  CHECK(message([&] { oplora(0).describe(sizes); }).starts_with("oplora: top, the number of singular directions"));
  const auto described = oplora().describe(sizes);
  CHECK(described.settings.at("top") == Setting(Index{2}));
  CHECK(described.weights == oplora().lora.describe(sizes).weights);
}
