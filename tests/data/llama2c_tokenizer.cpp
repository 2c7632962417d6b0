// tokenizer.bin files written byte by byte give the ids of llama2.c, and invalid ones are rejected.
#include "neutra/data/llama2c_tokenizer.hpp"
#include "neutra/data/sentencepiece.hpp"

#include "tests/catch.hpp"
#include "tests/data/llama2c_tokens.hpp"
#include "tests/data/samples.hpp"
#include "tests/io/scratch.hpp"

#include <limits>

using namespace neutra;
using namespace samples;
using scratch::says;

namespace {

/// encode() of run.c, without bos.
std::vector<std::int32_t> encode_as_llama2c(const std::vector<Token>& tokens, std::string_view text) {
  const auto find = [&](const std::string& piece) {
    for (std::size_t id = 0; id < tokens.size(); ++id)
      if (tokens[id].text == piece) return static_cast<std::int32_t>(id);
    return -1;
  };
  std::vector<std::int32_t> ids;
  if (!text.empty()) ids.push_back(find(" "));
  for (std::size_t at = 0, length = 0; at < text.size(); at += length) {
    length = std::max<std::size_t>(1, utf8_length(text, at));
    const std::string character(text.substr(at, length));
    if (const auto id = find(character); id >= 0)
      ids.push_back(id);
    else
      for (const char byte : character) ids.push_back(3 + static_cast<unsigned char>(byte));
  }
  while (true) {
    float best = -1e10f;
    std::size_t at = ids.size();
    std::int32_t joined = -1;
    for (std::size_t k = 0; k + 1 < ids.size(); ++k) {
      const auto text_of = [&](std::size_t place) { return tokens[static_cast<std::size_t>(ids[place])].text; };
      const auto id = find(text_of(k) + text_of(k + 1));
      if (id < 0 || tokens[static_cast<std::size_t>(id)].score <= best) continue;
      best = tokens[static_cast<std::size_t>(id)].score;
      at = k;
      joined = id;
    }
    if (joined < 0) return ids;
    ids[at] = joined;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

auto reads(const std::string& bytes) {
  return [bytes] { data::SentencePiece(data::sentencepiece_from_llama2c(bytes)); };
}

}  // namespace

TEST_CASE("llama2c tokenizer: the ids of run.c, and the text again") {
  const auto tokens = llama2c_tokens();
  const data::SentencePiece own(data::sentencepiece_from_llama2c(llama2c_tokenizer(tokens)));
  CHECK(own.vocab() == static_cast<Index>(tokens.size()));
  CHECK(own.bos() == 1);
  CHECK(own.piece(1) == "<s>");
  CHECK(own.piece(2) == "</s>");
  CHECK(own.piece(3 + 0x41) == "<0x41>");
  for (const std::string_view text : {""sv, "the"sv, "the the  then"sv, " leading"sv, "hethe\nthe"sv,
                                      "th\xc3\xa9th\xc3\xb8"sv, "\xff"sv, "trailing  "sv}) {
    INFO(text);
    CHECK(own.encode(text) == encode_as_llama2c(tokens, text));
    CHECK(own.decode(own.encode(text)) == text);
  }
  for (const std::string_view text : awkward) CHECK(own.decode(own.encode(text)) == text);
}

TEST_CASE("llama2c tokenizer: invalid files") {
  const auto tokens = llama2c_tokens();
  const std::string good = llama2c_tokenizer(tokens);
  CHECK_NOTHROW(reads(good)());
  CHECK(says(reads(""), "must hold 4 bytes of the longest length at byte 0, got 0"));
  CHECK(says(reads(good.substr(0, good.size() - 1)), "token", "are left; the file is damaged"));
  CHECK(says(reads(good + "abc"), "must hold 4 bytes of a score", "got 3"));
  CHECK(
      says(reads(std::string(good).replace(0, 4, std::string(4, '\0'))), "length of token 0 must be in 1 .. 0, got 5"));
  for (const std::int32_t length : {0, -1, std::numeric_limits<std::int32_t>::min(), 1 << 30})
    CHECK(says(reads(std::string(good).replace(8, 4, raw(length))), "token 0 must ", concat(length)));
  CHECK(says(reads(std::string(good).replace(0, 4, raw(-1)).replace(8, 4, raw(1 << 30))),
             "the length of token 0 must be in 1 .. 4096, got 1073741824"));
  CHECK(says(reads(std::string(good).replace(12, 5, "<pad>")), "token 0 must be <unk>"));
  CHECK(says(reads("PK\x03\x04" + std::string(60, 'x')), "a zip archive"));
  auto changed = tokens;
  changed[260].score = std::numeric_limits<float>::quiet_NaN();
  CHECK(says(reads(llama2c_tokenizer(changed)), "the score of piece 260 must be finite"));
  changed = tokens;
  changed[260].text = changed[261].text;
  CHECK(says(reads(llama2c_tokenizer(changed)), "occurs twice"));
  changed = tokens;
  changed[262].text = "\xff";
  CHECK(says(reads(llama2c_tokenizer(changed)), "piece 262 must be UTF-8"));
  changed.resize(100);
  CHECK(says(reads(llama2c_tokenizer(changed)), "has no byte fallback (159 of 256 byte pieces missing)"));
  changed.resize(2);
  CHECK(says(reads(llama2c_tokenizer(changed)), "the special tokens must be below 2"));
}
