/// Bytes as tokens: no training and no file. The baseline for every other tokenizer.
#pragma once

#include "neutra/data/tokenizer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// Id b is byte b, id 256 is bos: a vocabulary of 257.
class ByteTokenizer final : public Tokenizer {
 public:
  static constexpr std::int32_t bytes = 256;

  Index vocab() const override { return bytes + 1; }
  std::int32_t bos() const override { return bytes; }

  std::unique_ptr<Encoder> encoder() const override { return std::make_unique<Bytes>(); }

  std::string decode(std::span<const std::int32_t> ids) const override {
    std::string text;
    text.reserve(ids.size());
    for (std::size_t k = 0; k < ids.size(); ++k) {
      check_id(ids[k], static_cast<Index>(k));
      if (ids[k] < bytes) text += static_cast<char>(ids[k]);
    }
    return text;
  }

  /// Printable ASCII as itself, other bytes as <0xNN>, bos as <s>.
  std::string piece(std::int32_t id) const override {
    check_id(id, 0);
    if (id == bytes) return "<s>";
    if (id > 0x20 && id < 0x7f) return std::string(1, static_cast<char>(id));
    constexpr std::string_view digits = "0123456789ABCDEF";
    return std::string("<0x") + digits[static_cast<std::size_t>(id) >> 4] + digits[static_cast<std::size_t>(id) & 15] +
           '>';
  }

  std::string_view serialized() const override { return {}; }

 private:
  class Bytes final : public Encoder {
    void encode(std::string_view text, bool, const Take& take) override {
      std::int32_t ids[at_a_time];
      for (std::size_t begin = 0; begin < text.size(); begin += at_a_time) {
        const std::string_view part = text.substr(begin, at_a_time);
        std::transform(part.begin(), part.end(), ids, [](char byte) { return static_cast<unsigned char>(byte); });
        take({ids, part.size()});
      }
    }
  };
};

}}}  // namespace neutra::NEUTRA_ABI::data
