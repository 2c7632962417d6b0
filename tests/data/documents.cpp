// Texts of several documents: where they are, and their tokens.
#include "neutra/data/documents.hpp"

#include "neutra/data/byte_tokenizer.hpp"
#include "neutra/data/sentencepiece.hpp"
#include "neutra/data/train_sentencepiece.hpp"
#include "tests/data/samples.hpp"

using namespace neutra;
using data::Documents;
using Ids = std::vector<std::int32_t>;
using Found = std::vector<std::string>;

namespace {

Found found(std::string_view text, Documents documents) {
  Found all;
  data::for_each_document(text, documents, [&](std::string_view document) { all.emplace_back(document); });
  return all;
}

/// The tokens of a text, and a mark for each: x for one that is scored.
struct Encoded {
  Ids ids;
  std::string marks;
};
Encoded encoded(const data::Tokenizer& tokenizer, const data::TextPart& text, std::optional<std::int32_t> eos) {
  Encoded all;
  data::encode_documents(tokenizer, text, eos, [&](std::span<const std::int32_t> tokens, bool scored) {
    all.ids.insert(all.ids.end(), tokens.begin(), tokens.end());
    all.marks.append(tokens.size(), scored ? 'x' : '-');
  });
  return all;
}

}  // namespace

TEST_CASE("documents of plain text: a line each, or with empty lines between them") {
  CHECK(found("one\ntwo\r\n\n \t\r\nthree", Documents::by_line) == Found{"one", "two", "three"});
  CHECK(found("\n\none\ntwo\r\n\r\n \t\n\nthree \n", Documents::by_empty_line) == Found{"one\ntwo", "three "});
  CHECK(found("one\r\ntwo\r\n", Documents::by_empty_line) == Found{"one\r\ntwo"});
  for (const Documents documents : {Documents::by_line, Documents::by_empty_line}) {
    CHECK(found("", documents).empty());
    CHECK(found("\n \n", documents).empty());
    CHECK(found("  one  ", documents) == Found{"  one  "});
  }
}

TEST_CASE("documents: a part of a text keeps the ends in it, and is cut between documents") {
  data::Text text;
  for (const char* document : {"one", "t\nwo", "three"}) append_document(document, text);
  CHECK(text.bytes == "one\nt\nwo\nthree\n");
  CHECK(text.ends == std::vector<std::size_t>{3, 8, 14});
  CHECK(documents_as_lines(text) == "one\nt wo\nthree\n");
  data::TextPart part;
  append_document("before", part);
  append_part(text, 4, 9, part);
  CHECK(part.bytes == "before\nt\nwo\n");
  CHECK(part.ends == std::vector<std::size_t>{6, 11});
  append_part(text, 0, 3, part);  // the end itself is not in it
  append_part(text, 8, 8, part);
  CHECK(part.bytes == "before\nt\nwo\none");
  CHECK(part.ends == std::vector<std::size_t>{6, 11});
}

TEST_CASE("documents: what is not scored keeps its place in a part and in a shorter text, and scores no newline") {
  data::TextPart text;
  append_document("ask: yes", text, {{0, 5}});
  append_document("say no", text, {{0, 4}, {5, 6}});
  CHECK(text.unscored == data::Runs{{0, 5}, {9, 13}, {14, 16}});
  CHECK(text.scored_bytes() == 5);  // "yes", its newline and "n"
  data::TextPart part;
  append_document("before", part);
  append_part(text, 2, 11, part);
  append_part(text, 11, 15, part);
  CHECK(part.bytes == "before\nk: yes\nsay no");
  CHECK(part.unscored == data::Runs{{7, 10}, {14, 18}, {19, 20}});
  truncate(part, 19);
  CHECK(part.unscored == data::Runs{{7, 10}, {14, 18}});
  truncate(part, 9);
  CHECK(part.unscored == data::Runs{{7, 9}});
  CHECK(part.ends == std::vector<std::size_t>{6});
}

TEST_CASE("documents: an end of text takes the place of the newline after each, where there is one") {
  const data::ByteTokenizer tokenizer;
  data::Text text;
  for (const char* document : {"a\nb", "c"}) append_document(document, text);
  CHECK(encoded(tokenizer, text, 300).ids == Ids{'a', '\n', 'b', 300, 'c', 300});
  CHECK(encoded(tokenizer, text, {}).ids == tokenizer.encode(text.bytes));
  CHECK(encoded(tokenizer, {text.bytes, {}, {}}, 300).ids == tokenizer.encode(text.bytes));
  CHECK(encoded(tokenizer, {"a\nb\nc", {3}, {}}, 300).ids == Ids{'a', '\n', 'b', 300, 'c'});  // the last is cut
}

TEST_CASE("documents: tokens are scored or not as their bytes are, ends too") {
  const data::ByteTokenizer tokenizer;
  data::TextPart text;
  append_document("ask: yes", text, {{0, 5}});
  append_document("so", text, {{0, 2}});
  append_document("on", text);
  const std::string marks =
      "-----xxx"
      "x"
      "--"
      "-"
      "xx"
      "x";
  for (const std::optional<std::int32_t> eos : {std::optional<std::int32_t>(), std::optional<std::int32_t>(300)})
    CHECK(encoded(tokenizer, text, eos).marks == marks);
  truncate(text, 10);  // inside a document, in its part that is not scored
  CHECK(encoded(tokenizer, text, 300).marks ==
        "-----xxx"
        "x"
        "-");
}

TEST_CASE("documents: a text that is encoded in parts gets one space in front, where the tokenizer puts one") {
  std::string text;
  for (int i = 0; i < 100; ++i) text += concat("question ", i, " answer ", 3 * i, "\n");
  const std::string model = data::train_sentencepiece(text, {.vocab = 300});
  std::string with_prefix = model;
  const std::size_t flag = with_prefix.rfind(std::string("\x18\x00\x20", 3));  // add_dummy_prefix, of the normaliser
  REQUIRE(flag != model.npos);
  with_prefix[flag + 1] = 1;
  const data::SentencePiece plain(model), prefixed(with_prefix);
  REQUIRE(prefixed.encode("answer") != plain.encode("answer"));
  for (const std::string& one : {text, std::string("\n\nanswer 1"), std::string("answer\n"),
                                 std::string(" answer \n b"), std::string("\n"), std::string("\xff\n\xff")})
    CHECK(prefixed.encode(one) == plain.encode(" " + one));
  CHECK(prefixed.encode("").empty());
  data::TextPart part;
  append_document("question 5 answer 15", part, {{0, 10}});
  const Encoded apart = encoded(prefixed, part, {});
  CHECK(prefixed.decode(apart.ids) == "question 5 answer 15\n");
  const std::size_t context = prefixed.encode("question 5").size();
  CHECK(apart.marks == std::string(context, '-') + std::string(apart.ids.size() - context, 'x'));
}
