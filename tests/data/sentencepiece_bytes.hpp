// Writes SentencePiece models field by field, valid and invalid ones.
#pragma once

#include <bit>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace samples {

inline std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
inline std::string number_field(std::uint64_t number, std::uint64_t value) {
  return varint(number << 3) + varint(value);
}
inline std::string bytes_field(std::uint64_t number, std::string_view value) {
  return varint(number << 3 | 2) + varint(value.size()) + std::string(value);
}
inline std::string float_field(std::uint64_t number, float value) {
  std::string bytes = varint(number << 3 | 5);
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(std::bit_cast<std::uint32_t>(value) >> shift);
  return bytes;
}
inline std::string piece_field(std::string_view text, float score, std::uint64_t type) {
  return bytes_field(1, bytes_field(1, text) + float_field(2, score) + number_field(3, type));
}

// A valid model of <unk>, <s>, 256 bytes and a few merges. Each member changes or breaks one thing.
struct ModelBytes {
  std::vector<std::string> pieces = {"th", "the", "\xe2\x96\x81the", "\xe2\x96\x81", "t", "h", "e"};
  std::uint64_t kind = 2;
  int byte_pieces = 256;
  bool bos = true, byte_fallback = true, trainer = true, normalizer = true;
  bool dummy_prefix = false, removes_spaces = false, escapes_spaces = true, space_as_suffix = false;
  std::string charsmap = {}, decoding_charsmap = {};
  std::string more_trainer = {}, more_normalizer = {};  // additional fields of the two sections

  std::string serialize() const {
    std::string model = piece_field("<unk>", 0, 2);
    if (bos) model += piece_field("<s>", 0, 3);
    char name[8];
    for (int byte = 0; byte < byte_pieces; ++byte) {
      std::snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned>(byte) & 255u);
      model += piece_field(name, 0, 6);
    }
    float score = 0;
    for (const std::string& piece : pieces) model += piece_field(piece, score -= 1, 1);
    if (trainer)
      model += bytes_field(2, number_field(3, kind) + number_field(24, space_as_suffix) +
                                  number_field(35, byte_fallback) + more_trainer);
    if (normalizer) {
      model += bytes_field(3, bytes_field(1, "identity") + bytes_field(2, charsmap) + number_field(3, dummy_prefix) +
                                  number_field(4, removes_spaces) + number_field(5, escapes_spaces) + more_normalizer);
    }
    if (!decoding_charsmap.empty()) model += bytes_field(5, bytes_field(2, decoding_charsmap));
    return model;
  }
};

}  // namespace samples
