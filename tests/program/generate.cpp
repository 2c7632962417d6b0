// Sampling in `generate`, and streaming its text to standard output.
#include "neutra/program/sampler.hpp"
#include "neutra/program/text_stream.hpp"

#include "neutra/data/byte_tokenizer.hpp"
#include "neutra/data/sentencepiece.hpp"

#include "tests/catch.hpp"
#include "tests/data/sentencepiece_bytes.hpp"
#include "tests/io/scratch.hpp"

#include <fcntl.h>
#include <unistd.h>

using namespace neutra;

namespace {

/// What f writes to standard output.
template <class F> std::string written(const F& f) {
  const scratch::Folder folder;
  std::fflush(stdout);
  const int before = dup(STDOUT_FILENO), file = open((folder / "out").c_str(), O_WRONLY | O_CREAT, 0600);
  dup2(file, STDOUT_FILENO);
  f();
  std::fflush(stdout);
  dup2(before, STDOUT_FILENO);
  close(before);
  close(file);
  return scratch::get(folder / "out");
}

}  // namespace

TEST_CASE("sampler: only the tokens that are allowed are drawn, in proportion", "[train]") {
  const float logits[] = {5, 1, 9, 1 + std::log(3.0f), -2};
  const auto draw = [&](double temperature, double uniform, std::vector<std::int32_t> among = {1, 3}) {
    return program::Sampler({.temperature = temperature}, std::move(among)).draw({logits, {1, 5}}, {}, uniform);
  };
  CHECK(draw(0, 0.99) == 3);
  CHECK(draw(0, 0.5, {4, 1}) == 1);
  CHECK(draw(1, 0) == 1);
  CHECK(draw(1, 0.249) == 1);
  CHECK(draw(1, 0.251) == 3);
  CHECK(draw(1, 0.999999) == 3);
  CHECK(draw(1e9, 0.499) == 1);
  CHECK(draw(1e9, 0.501) == 3);
  CHECK(draw(1e-9, 0.1) == 3);
}

TEST_CASE("sampler: each setting keeps fewer tokens", "[train]") {
  // Probabilities 0.5, 0.25, 0.15, 0.1 of the tokens 2, 0, 3, 1.
  const float logits[] = {std::log(0.25f), std::log(0.1f), std::log(0.5f), std::log(0.15f)};
  /// The share of each token in many evenly spaced draws.
  const auto shares = [&](program::Sampling sampling, const std::vector<std::int32_t>& text = {}) {
    sampling.temperature = 1;
    program::Sampler sampler(sampling, {0, 1, 2, 3});
    std::vector<double> found(4);
    for (int i = 0; i < 1000; ++i)
      found[static_cast<std::size_t>(sampler.draw({logits, {1, 4}}, text, (i + 0.5) / 1000))] += 1e-3;
    return found;
  };
  const auto equal = [](const std::vector<double>& found, const std::vector<double>& right) {
    for (std::size_t i = 0; i < 4; ++i) CHECK(found[i] == Approx(right[i]).margin(2e-3));
  };
  equal(shares({}), {0.25, 0.1, 0.5, 0.15});
  equal(shares({.top_k = 2}), {1 / 3.0, 0, 2 / 3.0, 0});
  equal(shares({.top_k = 9}), {0.25, 0.1, 0.5, 0.15});
  equal(shares({.top_p = 0.5}), {0, 0, 1, 0});
  equal(shares({.top_p = 0.6}), {1 / 3.0, 0, 2 / 3.0, 0});
  equal(shares({.top_p = 0.9}), {0.25 / 0.9, 0, 0.5 / 0.9, 0.15 / 0.9});
  equal(shares({.top_k = 2, .top_p = 0.6}), {0, 0, 1, 0});  // 2/3 of what top_k left
  equal(shares({.min_p = 0.25}), {0.25 / 0.9, 0, 0.5 / 0.9, 0.15 / 0.9});
  equal(shares({.min_p = 1}), {0, 0, 1, 0});
  equal(shares({.repetition_penalty = 2}, {2, 2}), {1 / 3.0, 0.1 / 0.75, 1 / 3.0, 0.2});
}

TEST_CASE("sampler: a penalty lowers logits of either sign", "[train]") {
  const float logits[] = {3, 2, -1, -1.5f};
  program::Sampler upper({.repetition_penalty = 2}, {0, 1}), lower({.repetition_penalty = 2}, {2, 3});
  CHECK(upper.draw({logits, {1, 4}}, std::vector<std::int32_t>{0}, 0) == 1);
  CHECK(lower.draw({logits, {1, 4}}, std::vector<std::int32_t>{2}, 0) == 3);
}

TEST_CASE("sampler: settings out of range are refused", "[train]") {
  const auto refused = [](const program::Sampling& sampling, const char* rule) {
    return scratch::says([&] { program::Sampler(sampling, {0}); }, rule);
  };
  CHECK(refused({.repetition_penalty = 0}, "--repetition-penalty must be above 0, got 0"));
  CHECK(refused({.temperature = -1}, "--temperature must be 0 or more, got -1"));
  CHECK(refused({.top_k = -1}, "--top-k must be 0 (all) or more, got -1"));
  CHECK(refused({.top_p = 0}, "--top-p must be above 0 and at most 1, got 0"));
  CHECK(refused({.top_p = std::nan("")}, "--top-p must be"));
  CHECK(refused({.min_p = 1.5}, "--min-p must be from 0 to 1, got 1.5"));
  CHECK(scratch::says([] { program::Sampler({}, {}); }, "there must be a token to draw"));
}

TEST_CASE("text stream: a stop string ends the text before it, in whatever pieces it comes", "[train]") {
  const auto says = [](const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
    return written([&] {
      program::TextStream stream(stops);
      stream.begin("a\n\nb");
      for (const std::string& piece : pieces)
        if (!stream.append(piece)) return;
    });
  };
  CHECK(says({"\n\n"}, {"c\n", "\nd"}) == "a\n\nbc\n");
  CHECK(says({"\n\n"}, {"c\n", "d", "\n"}) == "a\n\nbc\nd\n\n");
  CHECK(says({"stop", "to"}, {"s", "t", "o", "p"}) == "a\n\nbs\n");
  CHECK(says({"bc"}, {"c"}) == "a\n\nbc\n");  // the prompt is no part of it
  CHECK(says({"x"}, {"cxd", "e"}) == "a\n\nbc\n");
}

TEST_CASE("text stream: nothing of a stop string is shown before it is known not to be one", "[train]") {
  std::size_t shown = 0;
  const scratch::Folder folder;
  written([&] {
    program::TextStream stream({"<end>"});
    stream.begin("");
    stream.append("ab<en");
    std::fflush(stdout);
    shown = static_cast<std::size_t>(lseek(STDOUT_FILENO, 0, SEEK_CUR));
    stream.append("ough");
  });
  CHECK(shown == 2);
}

TEST_CASE("sayable: what the tokenizer knows and what ends a text, within the model's rows", "[train]") {
  const data::ByteTokenizer bytes;
  auto ids = program::sayable(bytes, 320, {3, 300});
  REQUIRE(ids.size() == 258);
  CHECK(ids[256] == 256);
  CHECK(ids[257] == 300);
  CHECK(program::sayable(bytes, 100, {}).size() == 100);
}

TEST_CASE("last decoded: tokens shown one by one give the text of them all", "[train]") {
  const data::SentencePiece plain(samples::ModelBytes{}.serialize()),
      prefixed(samples::ModelBytes{.dummy_prefix = true}.serialize());
  const std::int32_t bos = plain.bos(), the = 260, space = 261, byte = 2 + 0xc3;  // the: begins with a space
  REQUIRE(prefixed.decode(std::vector{the, the, space, byte}) == "the the \xc3");
  for (const data::SentencePiece* tokenizer : {&plain, &prefixed})
    for (const std::vector<std::int32_t>& ids : {std::vector{the, the, space, byte, bos, the},
                                                 {bos, bos, the, space, space, byte},
                                                 {space, the, bos, space, the},
                                                 {space, space, space, the},
                                                 {byte, space, the}}) {
      std::string text;
      for (std::size_t count = 1; count <= ids.size(); ++count) {
        const std::span<const std::int32_t> first(ids.data(), count);
        text += program::last_decoded(*tokenizer, first, !text.empty());
        CHECK(text == tokenizer->decode(first));
      }
    }
}

TEST_CASE("text stream: whole characters at once, the rest at the end, and after an error", "[train]") {
  CHECK(written([] { program::TextStream stream; }) == "\n");
  CHECK(written([&] {
          program::TextStream stream;
          CHECK(stream.empty());
          CHECK(stream.append("a\xe2\x82"));
          CHECK(stream.append("\xac"));
          CHECK(stream.append("\xff\xc3"));
          CHECK_FALSE(stream.empty());
        }) == "a\xe2\x82\xac\xff\xc3\n");
  CHECK(written([&] {
          try {
            program::TextStream stream;
            stream.append("made \xc3");
            fail("an error");
          } catch (const Error&) {
          }
        }) == "made \xc3\n");
}
