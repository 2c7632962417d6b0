// Texts read token by token, with a past, against texts read at once; windows of a text longer than the context.
#include "neutra/nn/continuation.hpp"

#include "neutra/adapter/registry.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"
#include "tests/nn/models.hpp"

#include <cmath>
#include <numeric>

using namespace neutra;
using adapter::Registry;
using scratch::says;

namespace {

using AnyAdapter = adapter::Any<float, DefaultDevice>;
using AnyModel = nn::Transformer<AnyAdapter>;

nn::Config config() {
  nn::Config c = models::tiny();
  c.layers = 3;
  c.context = 40;
  return c;
}

std::vector<std::int32_t> text(Index length) {
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(length));
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<std::int32_t>((i * i + 3 * i) % 11);
  return tokens;
}

/// Draws the weights of an adapter anew, since it starts as no change.
void randomise(AnyModel& model) {
  std::uint64_t stream = 0;
  for (Parameter<float, DefaultDevice>* parameter : model.parameters()) {
    const Philox random(stream++, "past");
    for (Index i = 0; i < parameter->value.size(); ++i)
      parameter->value.data()[i] = static_cast<float>(random.normal(0, static_cast<std::uint64_t>(i)));
  }
}

/// The largest difference of logits after `tokens`, read in pieces of these lengths and read at once, over the largest.
double worst(AnyModel& model, const std::vector<std::int32_t>& tokens, const std::vector<Index>& pieces) {
  Tape<float, DefaultDevice> tape, whole_tape;
  Past<float, DefaultDevice> past;
  double most = 0, largest = 0;
  std::size_t read = 0;
  for (const Index piece : pieces) {
    const std::size_t length = static_cast<std::size_t>(piece);
    tape.start(false);
    const View<const float> found = model.next_logits(tape, past, std::span(tokens).subspan(read, length)).value();
    read += length;
    CHECK(past.length() == static_cast<Index>(read));
    whole_tape.start(false);
    const View<const float> right = model.next_logits(whole_tape, std::span(tokens).first(read)).value();
    REQUIRE(found.shape == right.shape);
    for (Index i = 0; i < found.size(); ++i) {
      most = std::max(most, std::abs(static_cast<double>(found.data[i] - right.data[i])));
      largest = std::max(largest, std::abs(static_cast<double>(right.data[i])));
    }
  }
  return most / largest;
}

const std::vector<Index> pieces = {5, 1, 1, 3, 1, 20, 1, 1};

}  // namespace

TEST_CASE("past: every kind of adapter gives the logits of the text read at once") {
  const Registry registry = Registry::with<gate::All>();
  const std::vector<std::pair<std::string, Settings>> adapters = {
      {"none", {}},
      {"residue", {{"gate", "relu"}, {"body", "bottleneck"}, {"placement", "after"}}},
      {"residue", {{"gate", "causal_mean_relu"}, {"gate.decay", 0.8}}},
      {"residue", {{"gate", "causal_mean_elu"}, {"placement", "attention"}}},
      {"residue", {{"gate", "biased_contextual_hard_sigmoid"}, {"gate.sum", Index{1}}, {"gate.hidden", Index{4}}}},
      {"residue", {{"gate", "contextual_relu"}, {"layers", "upper"}}},
      {"lora", {}},
      {"dora", {{"targets", "q|v"}}},
      {"llama_pro", {{"blocks", Index{2}}}},
      {"control_llm", {}},
      {"moe_lpr", {{"experts", Index{3}}}},
      {"list", {{"0", "lora"}, {"1", "residue"}, {"1.gate", "causal_mean_relu"}}}};
  for (const auto& [kind, settings] : adapters) {
    CAPTURE(kind);
    AnyModel model(models::random(config()), registry.make(kind, settings), 3);
    randomise(model);
    CHECK(worst(model, text(33), pieces) < 2e-5);
  }
}

TEST_CASE("past: learned positions go on behind it") {
  nn::Config gpt2{.family = "gpt2", .vocabulary = 11, .dim = 12, .ffn = 10, .layers = 2, .heads = 3, .context = 40};
  gpt2.complete();
  AnyModel model(models::random(gpt2), AnyAdapter(adapter::None{}));
  CHECK(worst(model, text(33), pieces) < 2e-5);
}

TEST_CASE("past: windows reach back into it") {
  nn::Config mistral = config();
  mistral.family = "mistral";
  mistral.numbers["window"] = 4;
  mistral.by_layer["windowed"] = "101";
  AnyModel model(models::random(mistral), AnyAdapter(adapter::None{}));
  CHECK(worst(model, text(33), pieces) < 2e-5);
}

TEST_CASE("past: keys and values are kept as the precision stores them") {
  AnyModel model(nn::Backbone<float, Cpu>::random(config(), 7, {.precision = DType::bf16}),
                 AnyAdapter(adapter::None{}));
  CHECK(worst(model, text(33), pieces) < 2e-2);
}

TEST_CASE("past: a scale of an adapter applies to what is read") {
  const Registry registry = Registry::with<gate::All>();
  AnyModel model(models::random(config()), registry.make("residue", {{"gate", "causal_mean_relu"}}), 3);
  randomise(model);
  model.attenuation.scale = 0.5;
  CHECK(worst(model, text(33), pieces) < 2e-5);
}

TEST_CASE("past: misuse is refused, and what an Error left unfinished is read again") {
  AnyModel model(models::random(config()), AnyAdapter(adapter::None{}));
  const auto tokens = text(45);
  Tape<float, DefaultDevice> tape;
  Past<float, DefaultDevice> past;
  tape.start();
  CHECK(says([&] { model.next_logits(tape, past, std::span(tokens).first(3)); }, "without recording"));
  const auto read = [&](std::size_t from, std::size_t count) {
    tape.start(false);
    return model.next_logits(tape, past, std::span(tokens).subspan(from, count)).value().data[4];
  };
  read(0, 30);
  CHECK(says([&] { read(30, 15); }, "at most 40 tokens (the model's context), got 45"));
  std::vector<std::int32_t> wrong = {1, 99};
  tape.start(false);
  CHECK(says([&] { model.next_logits(tape, past, wrong); }, "outside the vocabulary"));
  CHECK(past.length() == 30);
  const float after = read(30, 2);
  tape.start(false);
  CHECK(after == Approx(model.next_logits(tape, std::span(tokens).first(32)).value().data[4]).margin(1e-5));
  nn::Config larger = config();
  larger.layers = 4;
  AnyModel other(models::random(larger), AnyAdapter(adapter::None{}));
  tape.start(false);
  CHECK(says([&] { other.next_logits(tape, past, std::span(tokens).first(1)); }, "continued by the ops that began it"));
}

TEST_CASE("past: a new one allocates nothing between its doublings") {
  Past<float, DefaultDevice> past;
  const std::vector<float> row(6, 1);
  const void* held = nullptr;
  int moves = 0;
  for (Index t = 0; t < 64; ++t) {
    past.begin_pass();
    const AnyView<float> all = past.append(View<const float>(row.data(), {1, 6}));
    CHECK(all.rows() == t + 1);
    moves += std::exchange(held, all.data) != all.data ? 1 : 0;
    past.end_pass(1);
  }
  CHECK(moves == 7);  // 1, 2, 4, ... 64 rows
}

TEST_CASE("continuation: tokens are read once until the context is full, then its last three quarters") {
  AnyModel model(models::random(config()), AnyAdapter(adapter::None{}));
  nn::Continuation continuation(model, 1);
  const auto tokens = text(100);
  Tape<float, DefaultDevice> tape;
  Index start = 0;
  for (std::size_t length = 7; length <= 100; length += length % 3 + 1) {
    const View<const float> found = continuation.next(std::span(tokens).first(length));
    if (static_cast<Index>(length) + 1 - start > 40) start = static_cast<Index>(length) + 1 - 30;
    std::vector<std::int32_t> window(1, 1);
    window.insert(window.end(), tokens.begin() + start, tokens.begin() + static_cast<Index>(length));
    tape.start(false);
    const View<const float> right = model.next_logits(tape, window).value();
    for (Index i = 0; i < found.size(); ++i) CHECK(found.data[i] == Approx(right.data[i]).margin(1e-5));
  }
  CHECK(start > 50);
  CHECK(says([&] { continuation.next(std::span(tokens).first(100)); }, "must have grown since the last call, got 100"));
}

TEST_CASE("continuation: an adapter that is switched between two tokens acts on all that is read") {
  AnyModel model(models::random(config()), Registry::with<gate::All>().make("residue", {{"gate", "causal_mean_relu"}}),
                 3);
  randomise(model);
  nn::Continuation continuation(model, 1);
  const auto tokens = text(12);
  std::vector<std::int32_t> window(1, 1);
  window.insert(window.end(), tokens.begin(), tokens.end());
  Tape<float, DefaultDevice> tape;
  std::vector<float> first;
  for (const double scale : {1.0, 0.0, 0.5, 1.0}) {
    model.attenuation.scale = scale;
    const View<const float> found = continuation.next(tokens);
    tape.start(false);
    const View<const float> right = model.next_logits(tape, window).value();
    for (Index i = 0; i < found.size(); ++i) CHECK(found.data[i] == Approx(right.data[i]).margin(1e-5));
    if (first.empty()) first.assign(found.data, found.data + found.size());
    CHECK(std::equal(first.begin(), first.end(), found.data) == (scale == 1));
  }
  CHECK(says([&] { continuation.next(tokens); }, "must have grown since the last call"));
}

TEST_CASE("continuation: a context of one token") {
  nn::Config smallest = config();
  smallest.context = 1;
  AnyModel model(models::random(smallest), AnyAdapter(adapter::None{}));
  nn::Continuation continuation(model, 1);
  const auto tokens = text(5);
  for (std::size_t length = 0; length <= 5; ++length)
    CHECK(std::isfinite(continuation.next(std::span(tokens).first(length)).data[0]));
}
