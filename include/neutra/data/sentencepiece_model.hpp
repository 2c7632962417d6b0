/// The file format of SentencePiece models, read far enough to check what is in them before the library that trusts them does.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/file_format.hpp"
#include "neutra/data/utf8.hpp"
#include "neutra/data/words.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace neutra::inline NEUTRA_ABI::data::detail {

/// Walks the fields of one protocol-buffer message. Errors: a field that goes past the end, a wire type the format does not have.
class ProtoFields {
 public:
  enum Wire { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

  explicit ProtoFields(std::string_view message) : rest_(message) {}

  /// Moves to the next field; false at the end.
  bool next() {
    if (rest_.empty()) return false;
    const std::uint64_t tag = read_varint();
    number_ = tag >> 3;
    wire_ = static_cast<int>(tag & 7);
    value_ = 0;
    bytes_ = {};
    if (wire_ == varint) {
      value_ = read_varint();
    } else if (wire_ == fixed32 || wire_ == fixed64) {
      bytes_ = take(wire_ == fixed32 ? 4 : 8);
    } else {
      require(wire_ == bytes && number_ != 0, "tokenizer model: is no SentencePiece model (a field of kind ", wire_,
              "); give a tokenizer.model file");
      bytes_ = take(read_varint());
    }
    return true;
  }

  bool is(std::uint64_t number, Wire wire) const {
    require(number_ != number || wire_ == wire, "tokenizer model: field ", number, " must be of kind ", static_cast<int>(wire), ", got ", wire_,
            "; the file is damaged or no SentencePiece model");
    return number_ == number;
  }
  std::uint64_t value() const { return value_; }
  std::string_view payload() const { return bytes_; }

 private:
  std::string_view take(std::uint64_t count) {
    require(count <= rest_.size(), "tokenizer model: a field of ", count, " bytes goes ", count - rest_.size(),
            " past the end; the file is truncated or damaged");
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  std::uint64_t read_varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
    fail("tokenizer model: a number of more than 64 bits; the file is damaged or no SentencePiece model");
  }
  std::string_view rest_, bytes_;
  std::uint64_t number_ = 0, value_ = 0;
  int wire_ = 0;
};

/// What is needed of a model: its pieces and the options that decide whether it loses nothing.      SentencePiece, sentencepiece_model.proto
struct SentencePieceModel {
  enum Type { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };
  enum Kind { unigram = 1, bpe = 2 };
  struct Piece {
    std::string text;
    float score = 0;
    std::uint64_t type = normal;
  };
  std::vector<Piece> pieces;
  std::array<std::int32_t, 256> byte_ids;  // id of <0xNN>, -1 where there is none
  std::uint64_t kind = unigram;
  bool trainer = false, normalizer = false;  // present at all
  bool byte_fallback = false, space_as_suffix = false;
  bool rewrites = false, dummy_prefix = true, removes_spaces = true, escapes_spaces = true;  // the format's own defaults
  bool crosses_words = false;                                                                // a piece holds a space behind a non-space
};

inline void read_piece(std::string_view message, SentencePieceModel& model) {
  SentencePieceModel::Piece piece;
  for (ProtoFields field(message); field.next();) {
    if (field.is(1, ProtoFields::bytes)) piece.text = field.payload();
    if (field.is(2, ProtoFields::fixed32)) {
      std::uint32_t word = 0;
      for (int k = 3; k >= 0; --k) word = word << 8 | static_cast<unsigned char>(field.payload()[static_cast<std::size_t>(k)]);
      piece.score = std::bit_cast<float>(word);
    }
    if (field.is(3, ProtoFields::varint)) piece.type = field.value();
  }
  const std::size_t id = model.pieces.size();
  require(!piece.text.empty() && !find_invalid_utf8(piece.text) && piece.text.find('\0') == std::string::npos, "tokenizer model: piece ", id,
          " must be text in UTF-8 without NUL; the file is damaged");
  require(std::isfinite(piece.score), "tokenizer model: the score of piece ", id, " must be finite, got ", piece.score, "; the file is damaged");
  require(piece.type >= SentencePieceModel::normal && piece.type <= SentencePieceModel::byte, "tokenizer model: piece ", id,
          " must have a type in 1 .. 6, got ", piece.type, "; the file is damaged or newer than this program");
  model.pieces.push_back(std::move(piece));
}

inline void read_trainer(std::string_view message, SentencePieceModel& model) {
  model.trainer = true;
  for (ProtoFields field(message); field.next();) {
    if (field.is(3, ProtoFields::varint)) model.kind = field.value();
    if (field.is(24, ProtoFields::varint)) model.space_as_suffix = field.value() != 0;
    if (field.is(35, ProtoFields::varint)) model.byte_fallback = field.value() != 0;
  }
}

inline void read_normalizer(std::string_view message, SentencePieceModel& model) {
  model.normalizer = true;
  for (ProtoFields field(message); field.next();) {
    if (field.is(2, ProtoFields::bytes)) model.rewrites = !field.payload().empty();
    if (field.is(3, ProtoFields::varint)) model.dummy_prefix = field.value() != 0;
    if (field.is(4, ProtoFields::varint)) model.removes_spaces = field.value() != 0;
    if (field.is(5, ProtoFields::varint)) model.escapes_spaces = field.value() != 0;
  }
}

/// 0xNN of "<0xNN>"; -1 for any other text.
inline int byte_of(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
  const std::size_t high = digits.find(text[3]), low = digits.find(text[4]);
  return high == std::string_view::npos || low == std::string_view::npos ? -1 : static_cast<int>(high * 16 + low);
}

inline void index_pieces(SentencePieceModel& model) {
  model.byte_ids.fill(-1);
  std::unordered_set<std::string_view> seen;
  for (std::size_t id = 0; id < model.pieces.size(); ++id) {
    const auto& [text, score, type] = model.pieces[id];
    require(seen.insert(text).second, "tokenizer model: piece ", id, " (", text, ") occurs twice; the file is damaged");
    if (type == SentencePieceModel::byte) {
      const int value = byte_of(text);
      require(value >= 0, "tokenizer model: byte piece ", id, " must be <0x00> .. <0xFF>, got ", text, "; the file is damaged");
      model.byte_ids[static_cast<std::size_t>(value)] = static_cast<std::int32_t>(id);
      continue;
    }
    for (std::size_t at = text.find(space_sign); at != std::string::npos; at = text.find(space_sign, at + space_sign.size())) {
      model.crosses_words |= at > 0 && !std::string_view(text).substr(0, at).ends_with(space_sign);
    }
  }
}

/// Error: any property under which decode(encode(x)) == x would fail for some x.
inline void check_lossless(const SentencePieceModel& model) {
  require(model.trainer && model.normalizer && !model.pieces.empty(), "tokenizer model: must have pieces, a trainer and a normalizer section, got ",
          model.pieces.size(), " pieces", model.trainer ? "" : ", no trainer section", model.normalizer ? "" : ", no normalizer section",
          "; the file is truncated or no SentencePiece model");
  require(model.kind == SentencePieceModel::bpe || model.kind == SentencePieceModel::unigram,
          "tokenizer model: the kind must be 1 (unigram) or 2 (BPE), got ", model.kind, "; use a model of one of these kinds");
  const auto missing = std::count(model.byte_ids.begin(), model.byte_ids.end(), -1);
  require(model.byte_fallback && missing == 0, "tokenizer model: has no byte fallback (", missing,
          " of 256 byte pieces missing), so text outside its pieces would be lost; train it with byte_fallback, or use the byte tokenizer");
  require(!model.rewrites && !model.removes_spaces, "tokenizer model: must keep text as it is, this one ",
          model.rewrites ? "rewrites characters" : "removes spaces", "; train it with identity normalisation and remove_extra_whitespaces=false");
  require(model.escapes_spaces && !model.space_as_suffix,
          "tokenizer model: spaces must be escaped and lead their word; train it with escape_whitespaces=true and treat_whitespace_as_suffix=false");
}

/// Reads and checks a whole model. Errors: another format; a truncated or damaged file; as check_lossless.
inline SentencePieceModel read_sentencepiece_model(std::string_view serialized) {
  require(!serialized.empty(), "tokenizer model: is empty; give a tokenizer.model file");
  if (const FileFormat* other = other_format(serialized, FileKind::sentencepiece))
    fail("tokenizer model: must be a SentencePiece model (tokenizer.model), got ", *other);
  SentencePieceModel model, decoding;
  for (ProtoFields field(serialized); field.next();) {
    if (field.is(1, ProtoFields::bytes)) read_piece(field.payload(), model);
    if (field.is(2, ProtoFields::bytes)) read_trainer(field.payload(), model);
    if (field.is(3, ProtoFields::bytes)) read_normalizer(field.payload(), model);
    if (field.is(5, ProtoFields::bytes)) read_normalizer(field.payload(), decoding);
  }
  model.rewrites |= decoding.rewrites;
  index_pieces(model);
  check_lossless(model);
  return model;
}

}  // namespace neutra::inline NEUTRA_ABI::data::detail
