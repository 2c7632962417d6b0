// Multiple choice against a plain softmax in double over the model's logits.
#include "neutra/train/multiple_choice.hpp"

#include "tests/io/scratch.hpp"
#include "tests/train/small.hpp"

#include <limits>

using namespace neutra;
using small::learnt;
using small::Trained;

namespace {

std::vector<std::int32_t> bytes_of(const std::string& text) { return data::ByteTokenizer().encode(text); }

/// ln p(ending | context) of a byte model, from all logits of bos and both texts.
double plain(train::Model& model, const std::string& context, const std::string& ending) {
  const auto text = bytes_of(context + ending);
  std::vector<std::int32_t> inputs{256};
  inputs.insert(inputs.end(), text.begin(), text.end() - 1);
  Tape<float, Cpu> tape;
  tape.start(false);
  const View<const float> logits = model.logits(tape, {1, static_cast<Index>(inputs.size()), inputs}).value();
  double sum = 0;
  for (std::size_t n = context.size(); n < text.size(); ++n) {
    const float* row = logits.row(static_cast<Index>(n));
    double total = 0;
    for (Index v = 0; v < 257; ++v) total += std::exp(static_cast<double>(row[v]));
    sum += static_cast<double>(row[text[n]]) - std::log(total);
  }
  return sum;
}

double scored(train::Model& model, const std::string& context, const std::string& ending, Index length = 12) {
  Tape<float, Cpu> tape;
  return train::log_likelihood(model, tape, 256, bytes_of(context), bytes_of(ending), length);
}

train::Chosen chosen(const std::vector<data::MultipleChoice>& questions, Index length = 12) {
  Tape<float, Cpu> tape;
  return train::choose(learnt().model, tape, data::ByteTokenizer(), questions, length);
}

}  // namespace

TEST_CASE("multiple choice: an ending's likelihood is that of its tokens alone, after the context", "[train]") {
  for (const auto& [context, ending] : std::vector<std::pair<std::string, std::string>>{
           {"", "n"}, {"", "nopq"}, {"n", "o"}, {"nopno", "pqnop"}, {"abcdeabcdea", "n"}, {"q", "opqnopqnopq"}}) {
    INFO(context << '|' << ending);
    CHECK(scored(learnt().model, context, ending) == Approx(plain(learnt().model, context, ending)).epsilon(1e-5));
  }
}

TEST_CASE("multiple choice: a long context is cut on the left, and bos stays", "[train]") {
  const std::string context = small::letters('n', 5, 40, 3);
  for (const std::size_t length : {12u, 7u})
    CHECK(scored(learnt().model, context, "nop", static_cast<Index>(length)) ==
          scored(learnt().model, context.substr(context.size() - (length - 3)), "nop"));
  CHECK(scored(learnt().model, context, "nopnopnopnop") == scored(learnt().model, "", "nopnopnopnop"));
  CHECK(scratch::says([&] { scored(learnt().model, context, "nopnopnopnopn"); }, "1 to 12 tokens, got 13"));
  CHECK(scratch::says([&] { scored(learnt().model, context, ""); }, "got 0"));
}

TEST_CASE("multiple choice: the likeliest ending is chosen, by sum and per byte", "[train]") {
  const std::vector<data::MultipleChoice> questions{{"nopn", {"opno", "\x01\x02\x03\x04"}, 0},
                                                    {"nopn", {"\x01\x02\x03\x04", "opno"}, 1},
                                                    {"nopn", {"oqpnoqp", "\x01\x02"}, 0}};
  const auto result = chosen(questions);
  std::vector<Index> summed, per_byte;
  for (const auto& question : questions) {
    std::vector<double> sums, shares;
    for (const auto& ending : question.endings) {
      sums.push_back(plain(learnt().model, question.context, ending));
      shares.push_back(sums.back() / static_cast<double>(ending.size()));
    }
    summed.push_back(sums[1] > sums[0]);
    per_byte.push_back(shares[1] > shares[0]);
  }
  CHECK(result.summed == summed);
  CHECK(result.per_byte == per_byte);
  CHECK(result.per_byte == std::vector<Index>{0, 1, 0});
  CHECK(summed != per_byte);  // seven bytes are less likely than two, but each is likelier
  CHECK(train::right_of(result.per_byte, questions) == std::vector<bool>{true, true, true});
}

TEST_CASE("multiple choice: of equal endings the first is chosen, and white space goes with the ending", "[train]") {
  CHECK(chosen({{"n", {"op", "op"}, 1}}).summed == std::vector<Index>{0});
  // The space is an unlikely byte: per byte, it is divided by the bytes of the ending alone.
  const auto moved = chosen({{"nop \n", {"n", "nop"}, 0}});
  const auto share = [](const std::string& ending) {
    return plain(learnt().model, "nop", " \n" + ending) / static_cast<double>(ending.size());
  };
  CHECK(moved.per_byte[0] == (share("nop") > share("n")));
}

TEST_CASE("multiple choice: an answer depends on neither the other questions nor the number of threads", "[train]") {
  std::vector<data::MultipleChoice> questions;
  for (std::uint64_t n = 0; n < 12; ++n) {
    const auto some = [&](std::uint64_t seed) { return small::letters('n', 5, 2 + (n + seed) % 5, 100 * n + seed); };
    questions.push_back({some(0), {some(1), some(2), some(3), some(4)}, 0});
  }
  const auto all = chosen(questions);
  const double one = scored(learnt().model, "nopq", "nopqn");
  for (const int threads : {1, 3}) {
    const small::Threads set(threads);
    CHECK(chosen(questions).summed == all.summed);
    CHECK(scored(learnt().model, "nopq", "nopqn") == one);
  }
  for (std::size_t n = 0; n < questions.size(); ++n) {
    const auto alone = chosen({questions[n]});
    CHECK(alone.summed[0] == all.summed[n]);
    CHECK(alone.per_byte[0] == all.per_byte[n]);
  }
}

TEST_CASE("multiple choice: errors name the line, and a stop says how far it came", "[train]") {
  const std::vector<data::MultipleChoice> questions{{"n", {"o", "p"}, 0, 1}, {"n", {"o", std::string(13, 'p')}, 0, 5}};
  CHECK(scratch::says([&] { chosen(questions); }, "line 5: ", "got 13"));
  Tape<float, Cpu> tape;
  std::stop_source source;
  std::vector<Index> seen;
  const auto run = [&] {
    train::choose(
        learnt().model, tape, data::ByteTokenizer(), questions, 12,
        [&](Index n) {
          seen.push_back(n);
          source.request_stop();
        },
        source.get_token());
  };
  CHECK_THROWS_AS(run(), train::Stopped);
  CHECK(seen == std::vector<Index>{1});
  Trained broken("neutral");
  for (auto* p : broken.model.parameters())
    std::fill_n(p->value.data(), p->value.size(), std::numeric_limits<float>::quiet_NaN());
  CHECK_THROWS_AS(scored(broken.model, "n", "o"), train::Diverged);
  CHECK(scratch::says([&] { train::right_of({0}, questions); }, "got 1 for 2"));
}
