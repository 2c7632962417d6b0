/// Reading untrusted protocol-buffer messages, so strictly that no other parser can read them differently.
#pragma once

#include "neutra/core/error.hpp"

#include <algorithm>
#include <bitset>
#include <cstdint>
#include <span>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace data { namespace detail {

/// Wire types.      protobuf.dev, "Encoding"
enum class Wire { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

/// A known field of a message.
struct ProtoField {
  std::uint64_t number;
  Wire wire;
  bool repeated = false;
};

/// Iterates over the fields of one protocol-buffer message. Whatever another parser might read differently is
/// an Error: a varint that is not in its shortest encoding, a tag beyond 32 bits, a field below 200 that is unknown or
/// has another wire type, and a repeated field where one is allowed. Fields from 200 on are extensions of third
/// parties; SentencePiece and this reader skip them.
class ProtoFields {
 public:
  ProtoFields(std::string_view message, std::span<const ProtoField> known) : rest_(message), known_(known) {}

  /// Moves to the next field; false at the end.
  bool next() {
    if (rest_.empty()) return false;
    const std::uint64_t tag = read_varint();
    require(tag <= 0xffffffff, "tokenizer model: a field's tag must fit in 32 bits, got ", tag,
            "; the file is damaged or crafted");
    number_ = tag >> 3;
    value_ = 0;
    bytes_ = {};
    check(static_cast<int>(tag & 7));
    const auto wire = static_cast<Wire>(tag & 7);
    if (wire == Wire::varint) {
      value_ = read_varint();
    } else {
      bytes_ = take(wire == Wire::bytes ? read_varint() : wire == Wire::fixed32 ? 4 : 8);
    }
    return true;
  }

  bool is(std::uint64_t number) const { return number_ == number; }
  std::uint64_t value() const { return value_; }
  bool flag() const {
    require(value_ <= 1, "tokenizer model: field ", number_, " must be 0 or 1, got ", value_, "; the file is damaged");
    return value_ == 1;
  }
  std::string_view payload() const { return bytes_; }

 private:
  static constexpr std::uint64_t third_parties = 200;  // sentencepiece_model.proto: "extensions 200 to max"

  void check(int wire) {
    require(number_ > 0 && (wire <= 2 || wire == 5), "tokenizer model: is not a SentencePiece model (field ", number_,
            ", a field of kind ", wire, "); give a tokenizer.model file");
    if (number_ >= third_parties) return;
    const auto field =
        std::find_if(known_.begin(), known_.end(), [&](const ProtoField& f) { return f.number == number_; });
    require(field != known_.end(), "tokenizer model: field ", number_,
            " is unknown; the file is not a SentencePiece model, is damaged, or is newer than this program");
    const int kind = static_cast<int>(field->wire);
    require(kind == wire, "tokenizer model: field ", number_, " must be of kind ", kind, ", got ", wire,
            "; the file is damaged or not a SentencePiece model");
    require(field->repeated || !seen_[number_], "tokenizer model: field ", number_,
            " must occur once in its section, got another; the file is damaged");
    seen_[number_] = true;
  }
  std::string_view take(std::uint64_t count) {
    require(count <= rest_.size(), "tokenizer model: a field of ", count, " bytes extends ", count - rest_.size(),
            " past the end; the file is truncated or damaged");
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  std::uint64_t read_varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      if (shift == 63 && byte > 1) break;
      value |= std::uint64_t{byte & 0x7fu} << shift;
      require(byte != 0 || shift == 0, "tokenizer model: the number ", value, " must be in its shortest encoding, got ",
              shift / 7 + 1, " bytes; the file is damaged or crafted");
      if (byte < 0x80) return value;
    }
    fail("tokenizer model: a number of more than 64 bits; the file is damaged or not a SentencePiece model");
  }
  std::string_view rest_, bytes_;
  std::span<const ProtoField> known_;
  std::bitset<third_parties> seen_;
  std::uint64_t number_ = 0, value_ = 0;
};

}}}}  // namespace neutra::NEUTRA_ABI::data::detail
