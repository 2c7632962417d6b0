// Writes a tokenizer.bin of llama2.c.
#pragma once

#include "tests/io/gguf_bytes.hpp"

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

namespace samples {

struct Token {
  std::string text;
  float score = 0;
};

/// The special tokens, the bytes, and a few merges.
inline std::vector<Token> llama2c_tokens() {
  std::vector<Token> tokens = {{"<unk>"}, {"\n<s>\n"}, {"\n</s>\n"}};
  char name[8];
  for (int byte = 0; byte < 256; ++byte) {
    std::snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned>(byte) & 255u);
    tokens.push_back({name});
  }
  float score = 0;
  for (const char* piece : {" t", "he", "th", "  ", " the", "the", "\xc3\xa9t", " ", "t", "h", "e", "n", "\xc3\xa9"})
    tokens.push_back({piece, score -= 1});
  return tokens;
}
inline std::string llama2c_tokenizer(const std::vector<Token>& tokens) {
  std::uint32_t longest = 0;
  std::string bytes;
  for (const auto& [text, score] : tokens) {
    const auto length = static_cast<std::uint32_t>(text.size());
    longest = std::max(longest, length);
    bytes += raw(score) + raw(length) + text;
  }
  return raw(longest) + bytes;
}

}  // namespace samples
