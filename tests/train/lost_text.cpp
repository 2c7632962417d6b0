// What texts lose in tokenizers without byte fallback, and where a note says so.
#include "neutra/train/lost_text.hpp"
#include "neutra/data/byte_tokenizer.hpp"
#include "neutra/train/model_tokenizer.hpp"

#include "tests/catch.hpp"

#include <string>

using namespace neutra;

namespace {

std::shared_ptr<const data::Tokenizer> golden_tokenizer(const std::string& name) {
  return train::read_tokenizer(NEUTRA_SOURCE_DIR "/tests/golden/tokenizers/" + name + ".json");
}
std::string remark(const data::Tokenizer& tokenizer, std::initializer_list<std::string_view> texts) {
  train::LostText lost(tokenizer);
  for (const std::string_view text : texts) lost.add(text);
  return lost.remark();
}

constexpr std::string_view thumbs = "\xf0\x9f\x91\x8d\xf0\x9f\x91\x8d";

}  // namespace

TEST_CASE("lost text: the bytes of characters without tokens are counted, also of words that repeat", "[train]") {
  for (const char* name : {"t5", "xlmr", "albert", "xglm"}) {
    CAPTURE(name);
    const auto tokenizer = golden_tokenizer(name);
    CHECK(tokenizer->lost_bytes("the cat and the cat") == 0);
    CHECK(tokenizer->lost_bytes(concat("the ", thumbs, " cat")) == 8);
    CHECK(tokenizer->lost_bytes(concat("the ", thumbs, " cat ", thumbs, " cat ", thumbs)) == 24);
    std::string text;
    for (int n = 0; n < 1000; ++n) text += concat("cat", thumbs, ' ');
    CHECK(tokenizer->lost_bytes(text) == 8000);
  }
  for (const char* name : {"unigram", "unigram_words", "llama2", "gemma"})
    CHECK(golden_tokenizer(name)->lost_bytes(concat("the ", thumbs, "\xff cat")) == 0);
  CHECK(data::ByteTokenizer().lost_bytes(thumbs) == 0);
}

TEST_CASE("lost text: a note says how much of all texts it is", "[train]") {
  const auto t5 = golden_tokenizer("t5");
  CHECK(remark(*t5, {}).empty());
  CHECK(remark(*t5, {"the cat", ""}).empty());
  CHECK(
      remark(*t5, {"the cat and the cat", concat("the ", thumbs), std::string(49, 'a')}) ==
      "note: the tokenizer has no tokens for 8 of 80 bytes of text (10.0 %), and no byte fallback; these characters "
      "become the unknown token, and bits per byte do not count what it stands for: do not compare them with those of "
      "another tokenizer");
  CHECK(remark(*golden_tokenizer("unigram"), {thumbs}).empty());
  // Of a long text, its beginning, up to the last whole character.
  CHECK(remark(*t5, {"\xc3\xa9t\xc3\xa9"}).empty());
  CHECK(remark(*t5, {std::string((1 << 20) - 1, 'a') + "\xc3\xa9"}).empty());
  const std::string tail = std::string(1 << 20, 'a') + std::string(thumbs);
  CHECK(remark(*t5, {tail}).empty());
  CHECK(remark(*t5, {tail, thumbs}).find(concat("8 of ", (1 << 20) + 8, " bytes of text (0.001 %)")) !=
        std::string::npos);
}
