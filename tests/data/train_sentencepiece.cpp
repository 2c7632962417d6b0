#include "neutra/data/train_sentencepiece.hpp"

#include "neutra/data/sentencepiece.hpp"
#include "tests/data/samples.hpp"

using namespace neutra;
using namespace std::string_view_literals;
using samples::fails_with;

namespace {

std::size_t tokens_of(const std::string& model, std::string_view text) {
  return data::SentencePiece(model).encode(text).size();
}

}  // namespace

TEST_CASE("training is repeatable and gives the size asked for") {
  const std::string model = data::train_sentencepiece(samples::five_languages, {.vocab = 500});
  CHECK(model == data::train_sentencepiece(samples::five_languages, {.vocab = 500}));
  CHECK(model == data::train_sentencepiece(std::string(samples::five_languages),
                                           {.vocab = 500, .seed = 9}));  // nothing to draw, as all of it is used
  CHECK(model != data::train_sentencepiece(samples::five_languages, {.vocab = 501}));
  CHECK(data::SentencePiece(model).vocab() == 500);
}

TEST_CASE("no text is dropped, whatever the length and content of its lines") {
  // The trainer itself drops lines that are long or contain U+2585,
  // and ends the process at 65,536 characters without a space.
  std::string line;
  while (line.size() < 100000) line += "zymurgy ";
  for (const std::string& text : {line + "\n", "\xe2\x96\x85" + line.substr(0, 800),
                                  "\xff" + line.substr(0, 800) + "\xe2\x96\x81", "<s>" + line.substr(0, 800)}) {
    const std::string model = data::train_sentencepiece(std::string(samples::five_languages) + text, {.vocab = 500});
    CHECK(tokens_of(model, " zymurgy") == 1);
  }
  const std::string solid(200000, 'q');
  CHECK(tokens_of(data::train_sentencepiece(std::string(samples::five_languages) + solid, {.vocab = 500}),
                  "qqqqqqqq") == 1);
}

TEST_CASE("runs of spaces merge, digits do not, newlines merge with the text before them") {
  std::string code;
  for (int k = 0; k < 300; ++k) code += "        return 77777;\n\n";
  const std::string model = data::train_sentencepiece(std::string(samples::five_languages) + code, {.vocab = 500});
  CHECK(tokens_of(model, "        ") == 1);
  CHECK(tokens_of(model, "77777") == 5);
  CHECK(tokens_of(model, ";\n\n") == 1);
}

TEST_CASE("beyond the sample size, lines are drawn by the seed") {
  std::string text;
  for (int k = 0; k < 2000; ++k) {
    text += samples::five_languages.substr(static_cast<std::size_t>(k * 7 % 1000), 100);
    text += "\n";
  }
  const auto train = [&](std::uint64_t seed, Index sample) {
    return data::train_sentencepiece(text, {.vocab = 400, .seed = seed, .sample_bytes = sample});
  };
  CHECK(train(1, 60000) == train(1, 60000));
  CHECK(train(1, 60000) != train(2, 60000));
  CHECK(train(1, Index{1} << 40) == train(2, Index{1} << 40));
}

TEST_CASE("odd little texts train or say why not") {
  const auto train = [](std::string_view text, Index vocab) {
    return data::SentencePiece(data::train_sentencepiece(text, {.vocab = vocab})).vocab();
  };
  CHECK(train("a", 260) == 260);
  CHECK(train("\r\n", 261) == 261);
  for (const auto text : {"a"sv, " "sv, "\n"sv, "\t"sv, "\t\t\n"sv, "<s>"sv, "\x01"sv, "\xf0\x9f\x98\x80"sv}) {
    CHECK(fails_with([&] { train(text, 500); }, "; lower --vocab to at most 2"));
  }
}

TEST_CASE("impossible training is an error") {
  for (const Index vocab : {-1, 0, 259, 2000000})
    CHECK(fails_with([&] { data::train_sentencepiece(samples::five_languages, {.vocab = vocab}); },
                     "260 .. 1048576 pieces"));
  CHECK(fails_with([] { data::train_sentencepiece(samples::five_languages, {.sample_bytes = 0}); },
                   "sample_bytes must be positive"));
  for (const auto text : {""sv, "\xff\xfe\x80"sv, "\0\0"sv, "\xe2\x96\x85"sv}) {
    CHECK(fails_with([&] { data::train_sentencepiece(text, {.vocab = 300}); }, "needs text in UTF-8"));
  }
  for (const auto part : {" (4000); lower --vocab to at most 307"sv, ", or give more text"sv})
    CHECK(fails_with([] { data::train_sentencepiece("too little text for this", {.vocab = 4000}); }, part));
  CHECK(fails_with([] { data::train_sentencepiece(samples::five_languages, {.vocab = 270}); },
                   "smaller than required_chars. 270 vs 3"));
}
