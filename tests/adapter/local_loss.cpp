// The local loss: which tokens it counts, its divisor, and its sum over micro-batches.
#include "neutra/adapter/lora.hpp"

#include "tests/adapter/model.hpp"

namespace {

/// Losses and gradients of one step whose batch is split into parts, divided by the counts of the whole batch.
testing::Numbers step_of(nn::Transformer<AnyResidue<double>, double, Cpu>& model, const std::vector<TinyBatch>& parts,
                         nn::StepCounts counts) {
  testing::Numbers numbers{{}, {0, 0}, {}};
  for (auto* parameter : model.parameters()) parameter->has_gradient = false;
  Tape<double, Cpu> tape;
  for (const TinyBatch& part : parts) {
    tape.start();
    const auto losses = model.loss(tape, part.tokens(), counts);
    numbers.losses[0] += losses.lm.item();
    numbers.losses[1] += losses.local ? losses.local->item() : 0;
    tape.backward(losses.total(0.7));
  }
  for (auto* p : model.parameters())
    numbers.gradients.insert(numbers.gradients.end(), p->gradient.data(), p->gradient.data() + p->gradient.size());
  return numbers;
}

nn::Transformer<AnyResidue<double>, double, Cpu> filled_model(const AnyResidue<double>& residue) {
  auto model = tiny_model<double>(residue);
  testing::fill_zero_parameters(model.parameters());
  return model;
}

/// The sequences [first, first + count) of a batch.
TinyBatch part_of(const TinyBatch& batch, std::size_t first, std::size_t count) {
  TinyBatch part = batch;
  const auto cut = [&](auto& all, std::size_t width) {
    all = {all.begin() + static_cast<Index>(first * width), all.begin() + static_cast<Index>((first + count) * width)};
  };
  cut(part.domains, 1);
  cut(part.inputs, static_cast<std::size_t>(batch.length));
  cut(part.targets, static_cast<std::size_t>(batch.length));
  return part;
}

}  // namespace

TEST_CASE("local loss: it counts tokens of original sequences only, divided by their number and that of layers") {
  const TinyBatch batch({0, 1, 1, 0});
  for_each_type(Types<penalty::L1, penalty::Hoyer, penalty::GateL1>{}, [&]<class P>() {
    CAPTURE(P::name);
    auto model = filled_model(residue_of<double>(gate::Relu{}, P{}));
    const double whole = step_of(model, {batch}, {20, 10}).losses[1];
    CHECK(whole > 0);
    const double first = step_of(model, {part_of(batch, 0, 1)}, {20, 10}).losses[1],
                 last = step_of(model, {part_of(batch, 3, 1)}, {20, 10}).losses[1];
    CHECK(whole == Approx(first + last).epsilon(1e-13));
    TinyBatch other = batch;  // other text in the target sequences
    for (std::size_t i = 5; i < 15; ++i) other.inputs[i] = (other.inputs[i] + 3) % 19;
    CHECK(step_of(model, {other}, {20, 10}).losses[1] == whole);
    CHECK(step_of(model, {batch}, {20, 20}).losses[1] == Approx(whole / 2).epsilon(1e-13));
  });
}

TEST_CASE("local loss: L1 by hand, from what the residue adds to a model of one layer") {
  const TinyBatch batch({0, 1, 0});
  const auto config = testing::tiny_config(1);
  const auto backbone = tiny_backbone<double>(config);
  nn::Transformer<AnyResidue<double>, double, Cpu> model(
      backbone, residue_of<double>(gate::Relu{}, penalty::L1{}, Placement::attention), 1);
  testing::fill_zero_parameters(model.parameters());
  balance_gates(model, batch);
  // a residue beside the attention of layer 0 reads attention_norm of the embeddings
  const auto& table = backbone->weight("model.embed_tokens.weight").value();
  const auto& norm = backbone->weight("model.layers.0.input_layernorm.weight").value();
  const auto parameters = model.parameters();  // gate (1,12), gate_proj (3,12), up_proj (3,12), down_proj (12,3)
  double total = 0;
  for (std::size_t n = 0; n < batch.inputs.size(); ++n) {
    if (batch.domains[n / 5] != 0) continue;
    double x[12], square = 0, s = 0, inner[3];
    for (Index c = 0; c < 12; ++c) square += std::pow(table.data[batch.inputs[n] * 12 + c], 2);
    for (Index c = 0; c < 12; ++c)
      x[c] = norm.data[c] * table.data[batch.inputs[n] * 12 + c] / std::sqrt(square / 12 + config.norm_epsilon);
    for (Index c = 0; c < 12; ++c) s += parameters[0]->value.data()[c] * x[c];
    for (Index j = 0; j < 3; ++j) {
      double a = 0, b = 0;
      for (Index c = 0; c < 12; ++c) {
        a += parameters[1]->value.data()[j * 12 + c] * x[c];
        b += parameters[2]->value.data()[j * 12 + c] * x[c];
      }
      inner[j] = a / (1 + std::exp(-a)) * b;
    }
    for (Index c = 0; c < 12; ++c) {
      double r = 0;
      for (Index j = 0; j < 3; ++j) r += parameters[3]->value.data()[c * 3 + j] * inner[j];
      total += std::abs(std::max(s, 0.0) * r) / 12;
    }
  }
  CHECK(total > 0);
  CHECK(testing::numbers_of(model, batch, 1.0).losses[1] == Approx(total / 10).epsilon(1e-12));
}

TEST_CASE("local loss: none without original tokens, without labels an Error, unless no penalty asks for them") {
  auto model = filled_model(residue_of<double>(gate::Relu{}, penalty::L1{}));
  const TinyBatch batch({1, 1, 1});
  const auto numbers = step_of(model, {batch}, batch.counts());
  CHECK(numbers.losses[1] == 0);
  CHECK(relative_difference(numbers.gradients, std::vector<double>(numbers.gradients.size(), 0)) > 0);
  TinyBatch unknown({0, 0, 0});
  nn::Tokens tokens = unknown.tokens();
  tokens.domains = {};
  Tape<double, Cpu> tape;
  tape.start();
  CHECK_THROWS_AS(model.loss(tape, tokens, unknown.counts()), Error);
  tape.start(false);
  CHECK_FALSE(model.loss(tape, tokens, unknown.counts()).local.has_value());  // an evaluation has no local loss
  auto vanilla = filled_model(residue_of<double>(gate::Open{}, penalty::None{}));
  tape.start();
  CHECK_FALSE(vanilla.loss(tape, tokens, unknown.counts()).local.has_value());
  nn::StepCounts uncounted = unknown.counts();
  uncounted.original = 0;
  tape.start();
  CHECK_THROWS_AS(model.loss(tape, unknown.tokens(), uncounted), Error);
}

TEST_CASE("local loss: a wrong number of labels, or a wrong label, is refused in training and in evaluation") {
  auto model = filled_model(residue_of<double>(gate::Relu{}, penalty::L1{}));
  const TinyBatch batch;
  Tape<double, Cpu> tape;
  const auto told = [&](const std::vector<std::uint8_t>& labels, bool recording) -> std::string {
    auto tokens = batch.tokens();
    tokens.domains = labels;
    tape.start(recording);
    try {
      model.loss(tape, tokens, batch.counts());
    } catch (const Error& error) {
      return error.what();
    }
    return {};
  };
  for (const bool recording : {false, true}) {
    CHECK(told({0, 1, 1, 0}, recording).empty());
    CHECK(told({0, 1, 1}, recording).find("one domain label per sequence is needed, got 3 for 4 sequences") !=
          std::string::npos);
    CHECK(told({0, 1, 1, 0, 1}, recording).find("got 5 for 4 sequences") != std::string::npos);
    CHECK(told({0, 1, 2, 0}, recording).find("must be 0 (original) or 1 (target), got 2 for sequence 2") !=
          std::string::npos);
    CHECK(told({0, 1, 1, 255}, recording).find("got 255 for sequence 3") != std::string::npos);
  }
}

TEST_CASE("local loss: a part of a step without original tokens adds nothing to it") {
  auto model = filled_model(residue_of<double>(gate::Relu{}, penalty::L1{}));
  CHECK(step_of(model, {TinyBatch({1, 1})}, {20, 10}).losses[1] == 0);
}

TEST_CASE("local loss: the domain classifier counts both domains, by their labels") {
  auto model = filled_model(residue_of<double>(gate::Sigmoid{}, penalty::DomainCrossEntropy{}));
  const TinyBatch batch({0, 1, 1, 0});
  TinyBatch flipped = batch;
  for (auto& domain : flipped.domains) domain = static_cast<std::uint8_t>(1 - domain);
  // softplus(s) - label s: both labellings together are softplus(s) + softplus(-s), never below 2 log 2
  const double both =
      step_of(model, {batch}, batch.counts()).losses[1] + step_of(model, {flipped}, batch.counts()).losses[1];
  CHECK(both >= 2 * std::log(2.0));
  const auto losses = testing::train_on(model, batch, 60, 2e-2, 1.0);
  CHECK(step_of(model, {batch}, batch.counts()).losses[1] <
        0.9 * std::log(2.0));  // no constant answer does better than log 2
  CHECK(losses.back() < losses.front());
}

TEST_CASE("local loss: accumulating micro-batches gives the gradient of the whole step") {
  const TinyBatch batch({0, 1, 1, 0});
  for_each_type(Types<penalty::None, penalty::L1, penalty::GroupLasso, penalty::DomainCrossEntropy>{}, [&]<class P>() {
    CAPTURE(P::name);
    auto model = filled_model(residue_of<double>(gate::Relu{}, P{}));
    const auto whole = step_of(model, {batch}, batch.counts());
    const auto two = step_of(model, {part_of(batch, 0, 1), part_of(batch, 1, 3)}, batch.counts());
    const auto four =
        step_of(model, {part_of(batch, 0, 1), part_of(batch, 1, 1), part_of(batch, 2, 1), part_of(batch, 3, 1)},
                batch.counts());
    CHECK(relative_difference(two.gradients, whole.gradients) < 1e-13);
    CHECK(relative_difference(four.gradients, whole.gradients) < 1e-13);
    CHECK(relative_difference(two.losses, whole.losses) < 1e-14);
    CHECK(relative_difference(four.losses, whole.losses) < 1e-14);
  });
}
