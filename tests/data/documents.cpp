// Texts of several documents: where they are, and their tokens.
#include "neutra/data/documents.hpp"

#include "neutra/data/byte_tokenizer.hpp"
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
  std::string bytes = "before\n";
  std::vector<std::size_t> ends{6};
  append_part(text, 4, 9, bytes, ends);
  CHECK(bytes == "before\nt\nwo\n");
  CHECK(ends == std::vector<std::size_t>{6, 11});
  append_part(text, 0, 3, bytes, ends);  // the end itself is not in it
  append_part(text, 8, 8, bytes, ends);
  CHECK(bytes == "before\nt\nwo\none");
  CHECK(ends == std::vector<std::size_t>{6, 11});
}

TEST_CASE("documents: an end of text takes the place of the newline after each, where there is one") {
  const data::ByteTokenizer tokenizer;
  data::Text text;
  for (const char* document : {"a\nb", "c"}) append_document(document, text);
  CHECK(data::encode_documents(tokenizer, text.bytes, text.ends, 300) == Ids{'a', '\n', 'b', 300, 'c', 300});
  CHECK(data::encode_documents(tokenizer, text.bytes, text.ends, {}) == tokenizer.encode(text.bytes));
  CHECK(data::encode_documents(tokenizer, text.bytes, {}, 300) == tokenizer.encode(text.bytes));
  CHECK(data::encode_documents(tokenizer, "a\nb\nc", {3}, 300) == Ids{'a', '\n', 'b', 300, 'c'});  // the last is cut
}
