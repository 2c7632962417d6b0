// Evaluation against a plain computation: each token once, from inside its window, with a short last window included.
#include "neutra/train/evaluation.hpp"

#include "tests/io/scratch.hpp"
#include "tests/train/small.hpp"

#include <limits>
#include <set>

using namespace neutra;
using small::learnt;
using small::Trained;

namespace {

/// -ln p of every byte of the text, computed window by window from the logits.
std::vector<double> plain_nats(train::Model& model, const std::string& text, std::size_t length) {
  std::vector<double> nats;
  Tape<float, Cpu> tape;
  for (std::size_t first = 0; first < text.size(); first += length) {
    const std::string window = text.substr(first, length);
    std::vector<std::int32_t> inputs = {256};
    for (const char c : window.substr(0, window.size() - 1)) inputs.push_back(static_cast<unsigned char>(c));
    tape.start(false);
    const View<const float> logits = model.logits(tape, {1, static_cast<Index>(window.size()), inputs}).value();
    for (std::size_t n = 0; n < window.size(); ++n) {
      const float* row = logits.row(static_cast<Index>(n));
      double total = 0;
      for (Index v = 0; v < 257; ++v) total += std::exp(static_cast<double>(row[v] - row[0]));
      nats.push_back(std::log(total) - static_cast<double>(row[static_cast<unsigned char>(window[n])] - row[0]));
    }
  }
  return nats;
}

train::Evaluation evaluated(train::Model& model, const std::string& text, Index bytes, Index batch,
                            adapter::Probe<float, Cpu>* probe = nullptr) {
  Tape<float, Cpu> tape;
  return train::evaluate(model, tape, {small::windows(text), bytes}, data::Domain::target, batch, probe);
}

}  // namespace

TEST_CASE("evaluation: every token is predicted once, with context from inside its window alone", "[train]") {
  for (const std::size_t size : {1u, 11u, 12u, 13u, 24u, 100u, 131u}) {
    const std::string text = small::letters('n', 5, size, 9);
    const auto nats = plain_nats(learnt().model, text, 12);
    double sum = 0;
    for (const double one : nats) sum += one;
    const auto result = evaluated(learnt().model, text, 2 * static_cast<Index>(size), 3);
    INFO(size << " tokens");
    CHECK(result.tokens == static_cast<Index>(size));
    CHECK(result.nats == Approx(sum).epsilon(1e-5));
    CHECK(result.nats_per_token() == Approx(sum / static_cast<double>(size)).epsilon(1e-5));
    // Bytes of the raw text, not tokens.
    CHECK(result.bits_per_byte() == Approx(sum / (std::log(2.0) * 2 * static_cast<double>(size))).epsilon(1e-5));
  }
}

TEST_CASE("evaluation: what is not scored is context only, also where a window cuts it", "[train]") {
  const std::string text = small::letters('n', 5, 100, 9);
  const data::Runs unscored{{0, 5}, {20, 40}, {47, 48}, {90, 100}};
  const auto nats = plain_nats(learnt().model, text, 12);
  double sum = 0;
  for (std::size_t n = 0; n < nats.size(); ++n) sum += data::size_within(unscored, n, n + 1) > 0 ? 0 : nats[n];
  const train::EvaluationText scored{{data::TokenStream(data::ByteTokenizer().encode(text), unscored), 12, 257, 256},
                                     64};
  Tape<float, Cpu> tape;
  for (const Index batch : {1, 3}) {
    const auto result = train::evaluate(learnt().model, tape, scored, data::Domain::target, batch);
    CHECK(result.tokens == 64);
    CHECK(result.nats == Approx(sum).epsilon(1e-5));
    CHECK(result.bits_per_byte() == Approx(sum / (std::log(2.0) * 64)).epsilon(1e-5));
  }
}

TEST_CASE("evaluation: a token depends on its own window alone", "[train]") {
  const std::string a = small::letters('n', 5, 12, 1), b = small::letters('n', 5, 12, 2),
                    c = small::letters('a', 5, 12, 3);
  const double alone = evaluated(learnt().model, b, 12, 4).nats;
  CHECK(evaluated(learnt().model, a + b, 24, 4).nats - evaluated(learnt().model, a, 12, 4).nats ==
        Approx(alone).epsilon(1e-5));
  CHECK(evaluated(learnt().model, c + b, 24, 4).nats - evaluated(learnt().model, c, 12, 4).nats ==
        Approx(alone).epsilon(1e-5));
}

TEST_CASE("evaluation: batches change rounding only, and threads, probes and repetition not a bit", "[train]") {
  const std::string text = small::letters('n', 5, 251, 9);
  const double nats = evaluated(learnt().model, text, 251, 5).nats;
  for (const Index batch : {1, 2, 16, 1000})
    CHECK(evaluated(learnt().model, text, 251, batch).nats == Approx(nats).epsilon(1e-6));
  adapter::Probe<float, Cpu> probe(2);
  CHECK(evaluated(learnt().model, text, 251, 5, &probe).nats == nats);
  for (const int threads : {1, 2, 3}) {
    const small::Threads set(threads);
    CHECK(evaluated(learnt().model, text, 251, 5).nats == nats);
  }
}

TEST_CASE("evaluation: gate shares are counted on the same tokens", "[train]") {
  const std::string text = small::letters('n', 5, 131, 9);
  std::vector<double> open[2];
  for (const Index batch : {1, 7}) {
    adapter::Probe<float, Cpu> probe(2);
    const auto result = evaluated(learnt().model, text, 131, batch, &probe);
    for (const auto& layer : probe.counts(1)) {
      CHECK(layer.tokens == static_cast<double>(result.tokens));
      CHECK(layer.gates == static_cast<double>(result.tokens));
      CHECK(layer.open <= layer.gates);
      open[batch > 1].push_back(layer.open);
    }
    for (const auto& layer : probe.counts(0)) CHECK(layer.tokens == 0);
  }
  CHECK(open[0] == open[1]);
  CHECK(open[0][0] + open[0][1] > 0);
}

TEST_CASE("evaluation: gates and residues are counted for the class of their own token", "[train]") {
  const std::string text = "nnnnonpnqnrnnrpr";  // windows of two: the inputs are bos and the first letter
  const auto counted = [&](const std::string& of, Index batch) {
    std::vector<std::uint8_t> class_of(257, 5);
    for (const char c : std::string("nopqr"))
      class_of[static_cast<std::size_t>(c)] = static_cast<std::uint8_t>(c - 'n');
    adapter::Probe<float, Cpu> probe(2, class_of);
    Tape<float, Cpu> tape;
    train::evaluate(learnt().model, tape, {small::windows(of, 2), 1}, data::Domain::target, batch, &probe);
    const auto& layers = probe.counts(1);
    adapter::GateCounts sum;
    for (const auto& counts : probe.counts_by_class(1)) {
      sum.tokens += counts.tokens;
      sum.open += counts.open;
      sum.ratio += counts.ratio;
    }
    CHECK(sum.tokens == layers[0].tokens + layers[1].tokens);
    CHECK(sum.open == layers[0].open + layers[1].open);
    CHECK(sum.ratio == Approx(layers[0].ratio + layers[1].ratio));
    for (const auto& counts : probe.counts_by_class(0)) CHECK(counts.tokens == 0);
    return probe.counts_by_class(1);
  };
  const auto all = counted(text, 8);  // a batch of all windows, of which closed tokens are skipped
  CHECK(all.at(5).tokens == 2 * 8);
  CHECK(all.at(0).tokens == 2 * 3);
  std::set<double> ratios;
  for (std::size_t letter = 0; letter < 5; ++letter) {
    const auto alone = counted(std::string(2, static_cast<char>('n' + static_cast<int>(letter))), 1).at(letter);
    INFO(letter);
    CHECK(all[letter].open_share() == alone.open_share());
    CHECK(all[letter].mean_ratio() == Approx(alone.mean_ratio()).epsilon(1e-5));
    ratios.insert(alone.mean_ratio());
  }
  CHECK(ratios.size() > 1);  // else any class would have passed
}

TEST_CASE("evaluation: a token of a class is counted once, however many residues see it", "[train]") {
  const std::string text = small::letters('n', 5, 60, 9);
  const auto row_of = [&](const std::string& spec) {
    Trained trained(spec);
    adapter::Probe<float, Cpu> probe(2, data::token_classes(data::ByteTokenizer(), 257));
    Tape<float, Cpu> tape;
    for (const auto domain : {data::Domain::original, data::Domain::target})
      train::evaluate(trained.model, tape, {small::windows(text), 60}, domain, 4, &probe);
    study::RunResult row;
    study::add_gates(row, probe);
    return row;
  };
  const auto two = row_of("list(residue,residue(placement=attention))");
  CHECK(two.tokens_by_class->target == study::ByClass{{"continuation", 55}, {"other", 5}});
  CHECK(two.tokens_by_class->original == row_of("residue").tokens_by_class->original);
  CHECK_FALSE(row_of("lora").tokens_by_class.has_value());  // which no probe sees
}

TEST_CASE("evaluation: every token of a probe with classes must have one", "[train]") {
  adapter::Probe<float, Cpu> probe(2, std::vector<std::uint8_t>(100));
  std::string message;
  try {
    evaluated(learnt().model, "abc", 3, 1, &probe);
  } catch (const Error& error) {
    message = error.what();
  }
  CHECK(message ==
        "probe: every token must have a class, got 100 classes and the token 256; give one for each id of the "
        "vocabulary");
}

/// A probe of bytes that has seen the text as that of both domains.
static adapter::Probe<float, Cpu> probed(train::Model& model, const std::string& text) {
  adapter::Probe<float, Cpu> probe(2, data::token_classes(data::ByteTokenizer(), 257));
  Tape<float, Cpu> tape;
  for (const auto domain : {data::Domain::original, data::Domain::target})
    train::evaluate(model, tape, {small::windows(text), 60}, domain, 4, &probe);
  return probe;
}

TEST_CASE("evaluation: gates that are closed or open for all show as 0 and 1, and are warned of", "[train]") {
  const std::string text = small::letters('a', 5, 60, 9);
  Trained trained("neutral");
  // The norm's output has a mean square of one: every logit is the square of its first channel.
  const auto force = [&](int layer, float sign) {
    for (auto* p : trained.model.parameters())
      if (p->name.ends_with(".gate") && p->name.find(concat(layer)) != p->name.npos)
        std::fill_n(p->value.data(), p->value.size(), 0.0f * sign);
  };
  force(0, 0);
  const auto probe = probed(trained.model, text);
  study::RunResult row;
  study::add_gates(row, probe);
  REQUIRE(row.gate_open_by_layer.has_value());
  CHECK(row.gate_open_by_layer->target.at(0) == 0);  // relu(0) is closed
  const auto warnings = study::gate_warnings(probe.counts(0), probe.counts(1), "neutral-x");
  REQUIRE(!warnings.empty());
  CHECK(warnings[0].find("neutral-x") != std::string::npos);
  CHECK(warnings[0].find("layer 0 is closed for every token of the target domain") != std::string::npos);
  CHECK(row.gate_open->target == Approx(row.gate_open_by_layer->target.at(1) / 2));
  CHECK(row.tokens_by_class->target ==
        study::ByClass{{"continuation", 55}, {"other", 5}});  // five windows begin with bos
  const auto& open = row.gate_open_by_class->target;
  CHECK((55 * open.at("continuation") + 5 * open.at("other")) / 60 == Approx(row.gate_open->target));
  CHECK(row.residue_ratio_by_class->original.size() == 2);
}

TEST_CASE("gate warnings: a layer closed for all new tokens or open for all original ones, and no other", "[train]") {
  CHECK(study::gate_warnings({}, {}, "x").empty());
  const auto opened = [](double open, double gates = 1000) { return adapter::GateCounts{1000, open, gates, 0}; };
  const auto warnings =
      study::gate_warnings({opened(0), opened(1000), opened(500), opened(999), opened(0, 0)},
                           {opened(1000), opened(500), opened(0), opened(1), opened(0, 0)}, "x");  // the last: no gate
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0].find("layer 1 is open for every token of the original domain; it does not keep the original text "
                         "apart: raise alpha or train longer") != std::string::npos);
  CHECK(warnings[1].find("layer 2 is closed for every token of the target domain") != std::string::npos);
}

TEST_CASE("evaluation: residues of the upper layers are told of, and nothing is said of gates below them", "[train]") {
  const std::string text = small::letters('a', 5, 60, 9);
  Trained trained("residue(layers=upper)");
  for (auto* p : trained.model.parameters()) std::fill_n(p->value.data(), p->value.size(), 0.1f);  // no residue is zero
  const auto probe = probed(trained.model, text);
  study::RunResult row;
  study::add_gates(row, probe);
  REQUIRE(row.residue_ratio_by_layer.has_value());
  CHECK(row.residue_ratio_by_layer->target.at(0) == 0);
  CHECK(row.residue_ratio_by_layer->target.at(1) > 0);
  REQUIRE(row.gate_open.has_value());
  CHECK(row.gate_open->target == row.gate_open_by_layer->target.at(1));
  for (const auto& warning : study::gate_warnings(probe.counts(0), probe.counts(1), "x"))
    CHECK(warning.find("layer 0") == std::string::npos);
}

TEST_CASE("evaluation: stops on request, and reports unusable weights", "[train]") {
  const std::string text = small::letters('n', 5, 100, 9);
  Tape<float, Cpu> tape;
  std::stop_source stop;
  Index seen = 0;
  CHECK_THROWS_AS(train::evaluate(
                      learnt().model, tape, {small::windows(text), 100}, data::Domain::target, 2, nullptr,
                      [&](Index tokens) {
                        seen += tokens;
                        if (seen >= 48) stop.request_stop();
                      },
                      stop.get_token()),
                  train::Stopped);
  CHECK(seen == 48);
  Trained broken("finetune");
  broken.model.parameters()[0]->value.data()[0] = std::numeric_limits<float>::quiet_NaN();
  CHECK(
      scratch::says([&] { evaluated(broken.model, text, 100, 2); }, "evaluation: the loss is", "window 0", "unusable"));
}
