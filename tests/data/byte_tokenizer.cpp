#include "neutra/data/byte_tokenizer.hpp"

#include "tests/data/samples.hpp"

using namespace neutra;
using samples::fails_with;

TEST_CASE("bytes are their own tokens") {
  const data::ByteTokenizer tokenizer;
  std::string all(256, '\0');
  for (int byte = 0; byte < 256; ++byte) all[static_cast<std::size_t>(byte)] = static_cast<char>(byte);
  const auto ids = tokenizer.encode(all);
  for (std::int32_t byte = 0; byte < 256; ++byte) CHECK(ids[static_cast<std::size_t>(byte)] == byte);
  CHECK(tokenizer.decode(ids) == all);
  for (const auto text : samples::awkward) CHECK(tokenizer.decode(tokenizer.encode(text)) == text);
  CHECK(tokenizer.vocab() == 257);
  CHECK(tokenizer.bos() == 256);
  CHECK(tokenizer.decode(std::vector<std::int32_t>{256, 'h', 'i'}) == "hi");
  CHECK(tokenizer.serialized().empty());
}

TEST_CASE("every byte has a different piece") {
  const data::ByteTokenizer tokenizer;
  CHECK(tokenizer.piece('a') == "a");
  CHECK(tokenizer.piece(' ') == "<0x20>");
  CHECK(tokenizer.piece(0xaf) == "<0xAF>");
  CHECK(tokenizer.piece(256) == "<s>");
}

TEST_CASE("an id that is no byte is an error with its position") {
  const data::ByteTokenizer tokenizer;
  CHECK(fails_with([&] { tokenizer.decode(std::vector<std::int32_t>{1, 2, 257}); }, "0 .. 256, got 257 at position 2"));
  CHECK(fails_with([&] { tokenizer.decode(std::vector<std::int32_t>{-1}); }, "got -1 at position 0"));
  CHECK(fails_with([&] { tokenizer.piece(300); }, "got 300"));
}
