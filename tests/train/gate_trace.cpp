// The gates of each token: those that evaluation counts, from inside the token's own sequence, averaged over channels
// and residues.
#include "neutra/train/gate_trace.hpp"

#include "neutra/data/token_class.hpp"
#include "neutra/train/evaluation.hpp"

#include "tests/train/small.hpp"

#include <numeric>

using namespace neutra;

namespace {

train::GateTrace traced(train::Model& model, const std::string& text, Index length = 12) {
  Tape<float, Cpu> tape;
  return train::trace_gates(model, tape, data::ByteTokenizer().encode(text), 256, length);
}

/// Fills the weights of all gates with one value.
void set_gates(train::Model& model, float value) {
  for (auto* p : model.parameters())
    if (p->name.ends_with(".gate")) std::fill_n(p->value.data(), p->value.size(), value);
}

}  // namespace

TEST_CASE("gates: a token's gate is open where evaluation counts it as open", "[train]") {
  small::Trained trained("neutral");
  const std::string text = small::letters('n', 5, 11, 9);
  const train::GateTrace trace = traced(trained.model, text);
  REQUIRE(trace.layers == std::vector<Index>{0, 1});
  std::vector<std::uint8_t> class_of(257);
  class_of[256] = 1;  // bos, which is no token of the text
  adapter::Probe<float, Cpu> probe(2, class_of);
  Tape<float, Cpu> tape;
  train::evaluate(trained.model, tape, {small::windows(text + "n"), 12}, data::Domain::target, 1, &probe);
  double open = 0;
  for (const auto& gates : trace.gates) {
    CHECK(gates.size() == text.size());
    for (const double gate : gates) open += gate != 0;
  }
  CHECK(open > 0);
  CHECK(open == probe.counts_by_class(1).at(0).open);
}

TEST_CASE("gates: each sequence begins anew, and every token is in one", "[train]") {
  small::Trained trained("neutral");
  const std::string a = small::letters('n', 5, 11, 1), b = small::letters('n', 5, 11, 2), c = "opq";
  const auto whole = traced(trained.model, a + b + c);
  for (std::size_t layer = 0; layer < 2; ++layer) {
    std::vector<double> parts;
    for (const std::string* part : {&a, &b, &c}) {
      const auto alone = traced(trained.model, *part);
      parts.insert(parts.end(), alone.gates[layer].begin(), alone.gates[layer].end());
    }
    CHECK(whole.gates[layer] == parts);
  }
  CHECK(traced(trained.model, a, 2).gates[0] != whole.gates[0]);  // a shorter context
}

TEST_CASE("gates: also those without an exact zero, as means over channels and residues, and none of an open one",
          "[train]") {
  small::Trained sigmoid("residue(gate=sigmoid)"), channels("residue(gate=per_channel(sigmoid))"),
      both("list(residue(gate=sigmoid), residue(gate=relu))"), open("adapter");
  for (auto* trained : {&sigmoid, &channels, &both}) {
    set_gates(trained->model, 0);
    const double expected = trained == &both ? 0.25 : 0.5;  // sigmoid(0) = 1/2, relu(0) = 0
    const auto trace = traced(trained->model, "nopqrnopqrnopqr");
    REQUIRE(trace.layers.size() == 2);
    for (const auto& gates : trace.gates)
      for (const double gate : gates) CHECK(gate == Approx(expected));
  }
  CHECK(traced(open.model, "nop").layers.empty());
  CHECK(traced(sigmoid.model, "").layers.empty());
}

TEST_CASE("gates: tokens of one character become one piece with the mean of their gates, bytes that are none stay",
          "[train]") {
  const data::ByteTokenizer tokenizer;
  const std::string text = "a\u00e6b\u20ac\xff\xc3";  // tokens: 1, 2, 1, 3, and two that are no character
  train::GateTrace trace{.layers = {4}, .gates = {{1, 2, 4, 8, 3, 6, 9, 5, 7}}};
  CHECK(train::join_characters(trace, tokenizer, tokenizer.encode(text)) ==
        std::vector<std::string>{"a", "\u00e6", "b", "\u20ac", "\xff", "\xc3"});
  CHECK(trace.gates == std::vector<std::vector<double>>{{1, 3, 8, 6, 5, 7}});
  train::GateTrace none;
  CHECK(train::join_characters(none, tokenizer, tokenizer.encode(std::string(100, '\xc3'))).size() == 25);  // bounded
  CHECK(train::join_characters(trace, tokenizer, {}).empty());
  CHECK(trace.gates[0].empty());
}

TEST_CASE("gates: a stop, and sequences too short for a token behind bos", "[train]") {
  small::Trained trained("neutral");
  Tape<float, Cpu> tape;
  std::stop_source stop;
  stop.request_stop();
  const std::vector<std::int32_t> tokens{1, 2, 3};
  CHECK_THROWS_AS(train::trace_gates(trained.model, tape, tokens, 256, 12, stop.get_token()), train::Stopped);
  CHECK_THROWS_AS(train::trace_gates(trained.model, tape, tokens, 256, 1), Error);
}
