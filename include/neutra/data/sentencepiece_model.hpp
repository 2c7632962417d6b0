/// Reads the SentencePiece file format far enough to validate it before the library, which trusts it, loads it.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/file_format.hpp"
#include "neutra/data/proto_fields.hpp"
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

namespace neutra { inline namespace NEUTRA_ABI { namespace data { namespace detail {

/// The fields of each message, up to SentencePiece 0.2.1.      SentencePiece, sentencepiece_model.proto
namespace fields {
inline constexpr ProtoField model[] = {
    {1, Wire::bytes, true}, {2, Wire::bytes}, {3, Wire::bytes}, {4, Wire::bytes}, {5, Wire::bytes}};
inline constexpr ProtoField piece[] = {{1, Wire::bytes}, {2, Wire::fixed32}, {3, Wire::varint}};
inline constexpr ProtoField normalizer[] = {{1, Wire::bytes},  {2, Wire::bytes},  {3, Wire::varint},
                                            {4, Wire::varint}, {5, Wire::varint}, {6, Wire::bytes}};
inline constexpr ProtoField trainer[] = {
    {1, Wire::bytes, true},  {2, Wire::bytes},   {3, Wire::varint},   {4, Wire::varint},  {5, Wire::bytes, true},
    {6, Wire::varint},       {7, Wire::bytes},   {10, Wire::fixed32}, {11, Wire::varint}, {12, Wire::varint},
    {13, Wire::varint},      {14, Wire::varint}, {15, Wire::fixed32}, {16, Wire::varint}, {17, Wire::varint},
    {18, Wire::varint},      {19, Wire::varint}, {20, Wire::varint},  {21, Wire::varint}, {22, Wire::varint},
    {23, Wire::varint},      {24, Wire::varint}, {25, Wire::varint},  {26, Wire::varint}, {30, Wire::bytes, true},
    {31, Wire::bytes, true}, {32, Wire::varint}, {33, Wire::varint},  {34, Wire::varint}, {35, Wire::varint},
    {36, Wire::bytes},       {40, Wire::varint}, {41, Wire::varint},  {42, Wire::varint}, {43, Wire::varint},
    {44, Wire::bytes},       {45, Wire::bytes},  {46, Wire::bytes},   {47, Wire::bytes},  {48, Wire::bytes},
    {49, Wire::varint},      {50, Wire::varint}, {51, Wire::fixed32}, {52, Wire::varint}, {53, Wire::bytes},
    {54, Wire::bytes}};
}  // namespace fields

/// The part of a model that is checked: its pieces, and the options that decide whether encoding is lossless.
/// SentencePiece, sentencepiece_model.proto
struct SentencePieceModel {
  enum Type : std::uint64_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };
  enum Kind { unigram = 1, bpe = 2 };
  struct Piece {
    std::string text;
    float score = 0;
    std::uint64_t type = normal;
  };
  std::vector<Piece> pieces;
  std::array<std::int32_t, 256> byte_ids;  // id of <0xNN>, -1 where there is none
  std::uint64_t kind = unigram;
  bool trainer = false, normalizer = false;  // whether the sections exist
  bool byte_fallback = false, space_as_suffix = false;
  // The defaults of the format.
  bool rewrites = false, dummy_prefix = true, removes_spaces = true, escapes_spaces = true;
  bool crosses_words = false;  // a piece contains a space after a non-space
};

inline void read_piece(std::string_view message, SentencePieceModel& model) {
  SentencePieceModel::Piece piece;
  for (ProtoFields field(message, fields::piece); field.next();) {
    if (field.is(1)) piece.text = field.payload();
    if (field.is(2)) {
      std::uint32_t word = 0;
      for (int k = 3; k >= 0; --k)
        word = word << 8 | static_cast<unsigned char>(field.payload()[static_cast<std::size_t>(k)]);
      piece.score = std::bit_cast<float>(word);
    }
    if (field.is(3)) piece.type = field.value();
  }
  const std::size_t id = model.pieces.size();
  require(!piece.text.empty() && !find_invalid_utf8(piece.text) && piece.text.find('\0') == std::string::npos,
          "tokenizer model: piece ", id, " must be UTF-8 text without NUL; the file is damaged");
  require(std::isfinite(piece.score), "tokenizer model: the score of piece ", id, " must be finite, got ", piece.score,
          "; the file is damaged");
  require(piece.type >= SentencePieceModel::normal && piece.type <= SentencePieceModel::byte, "tokenizer model: piece ",
          id, " must have a type in 1 .. 6, got ", piece.type, "; the file is damaged or newer than this program");
  model.pieces.push_back(std::move(piece));
}

inline void read_trainer(std::string_view message, SentencePieceModel& model) {
  model.trainer = true;
  for (ProtoFields field(message, fields::trainer); field.next();) {
    if (field.is(3)) model.kind = field.value();
    if (field.is(24)) model.space_as_suffix = field.flag();
    if (field.is(35)) model.byte_fallback = field.flag();
  }
}

inline void read_normalizer(std::string_view message, SentencePieceModel& model) {
  model.normalizer = true;
  for (ProtoFields field(message, fields::normalizer); field.next();) {
    if (field.is(2)) model.rewrites = !field.payload().empty();
    if (field.is(3)) model.dummy_prefix = field.flag();
    if (field.is(4)) model.removes_spaces = field.flag();
    if (field.is(5)) model.escapes_spaces = field.flag();
  }
}

/// NN of "<0xNN>"; -1 for any other text.
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
      require(value >= 0, "tokenizer model: byte piece ", id, " must be <0x00> .. <0xFF>, got ", text,
              "; the file is damaged");
      model.byte_ids[static_cast<std::size_t>(value)] = static_cast<std::int32_t>(id);
      continue;
    }
    for (std::size_t at = text.find(space_sign); at != std::string::npos;
         at = text.find(space_sign, at + space_sign.size())) {
      model.crosses_words |= at > 0 && !std::string_view(text).substr(0, at).ends_with(space_sign);
    }
  }
}

/// Error: any property under which decode(encode(x)) == x would fail for some x.
inline void check_lossless(const SentencePieceModel& model) {
  require(model.trainer && model.normalizer && !model.pieces.empty(),
          "tokenizer model: must have pieces, a trainer and a normalizer section, got ", model.pieces.size(), " pieces",
          model.trainer ? "" : ", no trainer section", model.normalizer ? "" : ", no normalizer section",
          "; the file is truncated or not a SentencePiece model");
  require(model.kind == SentencePieceModel::bpe || model.kind == SentencePieceModel::unigram,
          "tokenizer model: the kind must be 1 (unigram) or 2 (BPE), got ", model.kind,
          "; use a model of one of these kinds");
  const auto missing = std::count(model.byte_ids.begin(), model.byte_ids.end(), -1);
  require(model.byte_fallback && missing == 0, "tokenizer model: has no byte fallback (", missing,
          " of 256 byte pieces missing), so text outside its pieces would be lost; train it with byte_fallback, or use "
          "the byte tokenizer");
  require(!model.rewrites && !model.removes_spaces, "tokenizer model: must keep text as it is, got one that ",
          model.rewrites ? "rewrites characters" : "removes spaces",
          "; train it with identity normalisation and remove_extra_whitespaces=false");
  require(model.escapes_spaces && !model.space_as_suffix,
          "tokenizer model: spaces must be escaped and lead their word; train it with escape_whitespaces=true and "
          "treat_whitespace_as_suffix=false");
}

/// Reads and validates a whole model. Errors: another format; a truncated or damaged file; as check_lossless.
inline SentencePieceModel read_sentencepiece_model(std::string_view serialized) {
  require(!serialized.empty(), "tokenizer model: is empty; give a tokenizer.model file");
  if (const FileFormat* other = other_format(serialized, FileKind::sentencepiece))
    fail("tokenizer model: must be a SentencePiece model (tokenizer.model), got ", *other);
  SentencePieceModel model, decoding;
  for (ProtoFields field(serialized, fields::model); field.next();) {
    if (field.is(1)) read_piece(field.payload(), model);
    if (field.is(2)) read_trainer(field.payload(), model);
    if (field.is(3)) read_normalizer(field.payload(), model);
    if (field.is(5)) read_normalizer(field.payload(), decoding);
  }
  model.rewrites |= decoding.rewrites;
  index_pieces(model);
  check_lossless(model);
  return model;
}

}}}}  // namespace neutra::NEUTRA_ABI::data::detail
