// Classes of tokens, by their bytes and by tokenizer.
#include "neutra/data/token_class.hpp"

#include "neutra/data/byte_tokenizer.hpp"
#include "neutra/data/sentencepiece.hpp"
#include "neutra/data/train_sentencepiece.hpp"

#include "tests/catch.hpp"
#include "tests/data/samples.hpp"
#include "tests/data/sentencepiece_bytes.hpp"

using namespace neutra;
using data::token_class;
using data::TokenClass;

TEST_CASE("the class of a token follows from its bytes") {
  for (const char* text : {" the", "\n\tA", " \u00e6ble", " \u0103"})
    CHECK(token_class(text) == TokenClass::word_start);
  for (const char* text : {"ing", "Z", "\u00e9", "\u0161k", "\u4e2d"})
    CHECK(token_class(text) == TokenClass::continuation);
  for (const char* text : {"7", " 1999", "0x"}) CHECK(token_class(text) == TokenClass::number);
  for (const char* text : {".", " (", "\u00bb", " \u2013", "\u20ac", "\u00d7", "\u3002", "\u2581", "_a", "\U0001f600"})
    CHECK(token_class(text) == TokenClass::punctuation);
  for (const char* text : {" ", "\n", "   \t"}) CHECK(token_class(text) == TokenClass::space);
  for (const char* text : {"", "\xc3", "\xa9", " \xff"}) CHECK(token_class(text) == TokenClass::other);
}

TEST_CASE("the surfaces of the tokens of a text are the text, a dropped space at the start included") {
  const data::ByteTokenizer bytes;
  CHECK(data::surface(bytes, ' ') == " ");
  CHECK(data::surface(bytes, 0xff) == "\xff");
  CHECK(data::surface(bytes, bytes.bos()).empty());
  const data::SentencePiece pieces(data::train_sentencepiece(samples::five_languages, {.vocab = 400}));
  std::string text;
  for (const std::int32_t id : pieces.encode(samples::five_languages)) text += data::surface(pieces, id);
  CHECK(text == samples::five_languages);
  const data::SentencePiece prefixed(
      samples::ModelBytes{.pieces = {"\xe2\x96\x81h", "\xe2\x96\x81", "h", "\n"}, .dummy_prefix = true}.serialize());
  CHECK(data::surface(prefixed, prefixed.encode("h").at(0)) == " h");
  CHECK(data::surface(prefixed, prefixed.encode("hh").at(1)) == "h");
}

TEST_CASE("every id of the model has a class, also those that the tokenizer does not know") {
  const auto classes = data::token_classes(data::ByteTokenizer(), 260);
  const auto is = [&](std::size_t id, TokenClass expected) { return classes.at(id) == static_cast<int>(expected); };
  REQUIRE(classes.size() == 260);
  CHECK(is('a', TokenClass::continuation));
  CHECK(is('5', TokenClass::number));
  CHECK(is('\n', TokenClass::space));
  CHECK(is(0xc3, TokenClass::other));
  CHECK(is(256, TokenClass::other));
  CHECK(is(259, TokenClass::other));
}
