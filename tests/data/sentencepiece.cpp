#include "neutra/data/sentencepiece.hpp"

#include "neutra/data/train_sentencepiece.hpp"
#include "tests/data/samples.hpp"
#include "tests/data/sentencepiece_bytes.hpp"

#include <thread>

using namespace neutra;
using namespace std::string_view_literals;
using samples::fails_with;
using samples::ModelBytes;
using Ids = std::vector<std::int32_t>;

namespace {

const std::string& trained() {
  static const std::string model = data::train_sentencepiece(samples::five_languages, {.vocab = 600});
  return model;
}

int lost(const data::Tokenizer& tokenizer, std::string_view text) {
  const Ids ids = tokenizer.encode(text);
  if (tokenizer.decode(ids) == text) return 0;
  WARN("lost: \"" << text << "\"");
  return 1;
}

}  // namespace

TEST_CASE("every byte string comes back as it was") {
  for (const std::string& model :
       {trained(), ModelBytes{}.serialize(), ModelBytes{.dummy_prefix = true}.serialize(),
        ModelBytes{.pieces = {"n\xe2\x96\x81t", "\xe2\x96\x81"}}.serialize(), ModelBytes{.kind = 1}.serialize()}) {
    const data::SentencePiece tokenizer(model);
    for (const auto text : samples::awkward) CHECK(lost(tokenizer, text) == 0);
    CHECK(lost(tokenizer, samples::five_languages) == 0);
    std::mt19937 random(11);
    int all_lost = 0;
    for (int k = 0; k < 400; ++k)
      all_lost += lost(tokenizer, samples::random_bytes(random, random() % 200, k % 2 == 0));
    for (int byte = 0; byte < 256; ++byte)
      all_lost += lost(tokenizer, "x" + std::string(1, static_cast<char>(byte)) + " y");
    CHECK(all_lost == 0);
    CHECK(lost(tokenizer, std::string(300000, 'e') + std::string(50000, ' ') + std::string(50000, '\n')) == 0);
  }
}

TEST_CASE("merges are found, and ids are in the vocabulary without bos") {
  const data::SentencePiece tokenizer(trained());
  const Ids ids = tokenizer.encode(samples::five_languages);
  CHECK(ids.size() < samples::five_languages.size() / 2);
  for (const std::int32_t id : ids) {
    if (id < 3 || id >= tokenizer.vocab()) FAIL("id " << id);
  }
  CHECK(tokenizer.vocab() == 600);
  CHECK(tokenizer.bos() == 1);
  CHECK(tokenizer.piece(1) == "<s>");
  CHECK(tokenizer.piece(3) == "<0x00>");
  CHECK(tokenizer.decode(Ids{1, 2}).empty());
  CHECK(tokenizer.decode(Ids{0}) == " \xe2\x81\x87 ");
  CHECK(tokenizer.serialized() == trained());
  CHECK(data::SentencePiece(std::string(tokenizer.serialized())).encode(samples::five_languages) == ids);
}

TEST_CASE("words give the tokens that SentencePiece gives the whole line") {
  sentencepiece::SentencePieceProcessor processor;
  REQUIRE(processor.LoadFromSerializedProto(trained()).ok());
  const data::SentencePiece tokenizer(trained());
  std::string line = "One  line,   with runs of      spaces and\ttabs; \xc3\xa9t\xc3\xa9 and 1998. ";
  for (const auto text : {std::string_view(line), samples::five_languages.substr(0, 98)}) {
    std::vector<int> ids;
    REQUIRE(processor.Encode(text, &ids).ok());
    CHECK(tokenizer.encode(text) == ids);
  }
}

TEST_CASE("the tokens of a text are those of its lines, so buffering cannot matter") {
  const data::SentencePiece tokenizer(trained());
  Ids lines;
  std::string_view rest = samples::five_languages;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n') + 1;
    const Ids ids = tokenizer.encode(rest.substr(0, end));
    lines.insert(lines.end(), ids.begin(), ids.end());
    rest.remove_prefix(end);
  }
  CHECK(lines == tokenizer.encode(samples::five_languages));
}

TEST_CASE("pieces that reach over a word's start are used") {
  const data::SentencePiece tokenizer(
      ModelBytes{.pieces = {"t", "n\xe2\x96\x81", "\xe2\x96\x81t", "n\xe2\x96\x81t", "n", "\xe2\x96\x81"}}.serialize());
  const Ids ids = tokenizer.encode("n t");
  REQUIRE(ids.size() == 1);
  CHECK(tokenizer.piece(ids[0]) == "n\xe2\x96\x81t");
}

TEST_CASE("a model that puts a space in front keeps doing so, once a text") {
  const ModelBytes with{.pieces = {"\xe2\x96\x81h", "\xe2\x96\x81", "h", "\n"}, .dummy_prefix = true};
  const data::SentencePiece tokenizer(with.serialize());
  sentencepiece::SentencePieceProcessor processor;
  REQUIRE(processor.LoadFromSerializedProto(with.serialize()).ok());
  for (const auto text : {"h"sv, "h h\nh"sv, " h"sv, ""sv, "\nh"sv}) {
    std::vector<int> ids;
    REQUIRE(processor.Encode(text, &ids).ok());
    CHECK(tokenizer.encode(text) == ids);
    CHECK(tokenizer.decode(ids) == text);
  }
  CHECK(tokenizer.piece(tokenizer.encode("h")[0]) == "\xe2\x96\x81h");
}

TEST_CASE("text that spells a control piece stays text") {
  const data::SentencePiece tokenizer(trained());
  for (const std::int32_t id : tokenizer.encode("<s> </s> <unk>")) CHECK(id > 2);
}

TEST_CASE("several threads may encode at once") {
  const data::SentencePiece tokenizer(trained());
  const Ids expected = tokenizer.encode(samples::five_languages);
  std::vector<Ids> results(4);
  std::vector<std::thread> threads;
  for (Ids& result : results) threads.emplace_back([&] { result = tokenizer.encode(samples::five_languages); });
  for (std::thread& thread : threads) thread.join();
  for (const Ids& result : results) CHECK(result == expected);
}

TEST_CASE("an id outside the vocabulary is an error with its position") {
  const data::SentencePiece tokenizer(trained());
  CHECK(fails_with([&] { tokenizer.decode(Ids{5, 600}); }, "0 .. 599, got 600 at position 1"));
  CHECK(fails_with([&] { tokenizer.piece(-1); }, "got -1"));
}

TEST_CASE("added tokens have their text, or none where they are special, and encode yields none of them") {
  const data::SentencePiece tokenizer(ModelBytes{.dummy_prefix = true}.serialize(),
                                      {{1, {"<s>", true}}, {265, {"<|im_end|>", true}}, {270, {"<mine>", false}}});
  REQUIRE(tokenizer.vocab() == 265);
  for (const std::int32_t id : {0, 264, 265, 270}) CHECK(tokenizer.knows(id));
  for (const std::int32_t id : {-1, 266, 269, 271}) CHECK_FALSE(tokenizer.knows(id));
  CHECK(tokenizer.decode(Ids{260, 265, 260, 270, 260}) == "the the<mine> the");
  CHECK(tokenizer.decode(Ids{270, 260}) == "<mine> the");
  CHECK(tokenizer.piece(265) == "<|im_end|>");
  CHECK(fails_with([&] { tokenizer.decode(Ids{260, 266}); }, "got 266 at position 1"));
  CHECK(fails_with([&] { tokenizer.piece(300); }, "got 300"));
  for (const std::int32_t id : tokenizer.encode("the <|im_end|> <mine>")) CHECK(id < tokenizer.vocab());
  CHECK(tokenizer.decode(tokenizer.encode("the <|im_end|> <mine>")) == "the <|im_end|> <mine>");
}

TEST_CASE("a model without bos is an error") {
  CHECK(fails_with([] { data::SentencePiece(ModelBytes{.bos = false}.serialize()); }, "begin of text"));
}
