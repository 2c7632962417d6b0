/// Writes a tokenizer.model from pieces and scores, as other formats hold them.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/data/sentencepiece_model.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// A byte-pair model with byte fallback that keeps text as it is.
struct ScoredPieces {
  static constexpr std::size_t longest = 4096;  // bytes of a token; what is made of a piece takes its square in time
  std::vector<detail::SentencePieceModel::Piece> pieces;
  std::size_t unknown = 0, bos = 1, eos = 2;  // ids
  bool dummy_prefix = true;                   // a space is put in front of every text
};

namespace detail {

inline std::string proto_varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes += static_cast<char>(value);
}
inline std::string proto_field(std::uint64_t number, std::uint64_t value) {
  return proto_varint(number << 3 | static_cast<std::uint64_t>(Wire::varint)) + proto_varint(value);
}
inline std::string proto_field(std::uint64_t number, std::string_view value) {
  return proto_varint(number << 3 | static_cast<std::uint64_t>(Wire::bytes)) + proto_varint(value.size()).append(value);
}
inline std::string proto_field(std::uint64_t number, float value) {
  std::string bytes = proto_varint(number << 3 | static_cast<std::uint64_t>(Wire::fixed32));
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(std::bit_cast<std::uint32_t>(value) >> shift);
  return bytes;
}

}  // namespace detail

/// The content of a tokenizer.model.      SentencePiece, sentencepiece_model.proto
/// Error: fewer pieces than the special ones need. What else may be wrong with pieces, SentencePiece's reader tells.
inline std::string write_sentencepiece(ScoredPieces model) {
  using detail::proto_field, detail::SentencePieceModel;
  for (const std::size_t id : {model.unknown, model.bos, model.eos})
    require(id < model.pieces.size(), "tokenizer: the special tokens must be below ", model.pieces.size(),
            ", the number of tokens, got ", id, "; the file is damaged");
  for (const auto& piece : model.pieces)
    require(piece.text.size() <= ScoredPieces::longest, "tokenizer: tokens must have at most ", ScoredPieces::longest,
            " bytes, got ", piece.text.size(), "; the file is damaged");
  model.pieces[model.bos].type = model.pieces[model.eos].type = SentencePieceModel::control;
  model.pieces[model.unknown].type = SentencePieceModel::unknown;
  std::string bytes;
  for (const auto& [text, score, type] : model.pieces)
    bytes += proto_field(1, proto_field(1, text) + proto_field(2, score) + proto_field(3, type));
  // The library finds the special pieces by their texts (45 to 47), not by their ids (40 to 42).
  bytes +=
      proto_field(2, proto_field(3, std::uint64_t{SentencePieceModel::bpe}) + proto_field(35, std::uint64_t{1}) +
                         proto_field(40, model.unknown) + proto_field(41, model.bos) + proto_field(42, model.eos) +
                         proto_field(45, model.pieces[model.unknown].text) +
                         proto_field(46, model.pieces[model.bos].text) + proto_field(47, model.pieces[model.eos].text));
  bytes +=
      proto_field(3, proto_field(1, std::string_view("identity")) + proto_field(3, std::uint64_t{model.dummy_prefix}) +
                         proto_field(4, std::uint64_t{0}) + proto_field(5, std::uint64_t{1}));
  return bytes;
}

}}}  // namespace neutra::NEUTRA_ABI::data
