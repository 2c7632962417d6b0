/// The tokenizer.bin of llama2.c.      github.com/karpathy/llama2.c, tokenizer.py (export)
///     u32 bytes of the longest token; per token: f32 score, i32 length, its bytes
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/file_format.hpp"
#include "neutra/data/sentencepiece_writer.hpp"
#include "neutra/data/words.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// The content of a tokenizer.bin as that of a tokenizer.model. The file is a SentencePiece model in which spaces stand
/// for U+2581, and tokens 0, 1 and 2 are the unknown one, bos and eos.
/// Error: a token that is empty, longer than the longest, or beyond the end; special tokens in other places.
inline std::string sentencepiece_from_llama2c(std::string_view bytes) {
  static_assert(std::endian::native == std::endian::little,
                "neutra: llama2.c files are little-endian, and so must the machine be");
  const FileFormat* const other = other_format(bytes.substr(0, format_head), FileKind::other);
  const std::string hint = other ? concat("; it is ", *other) : "; the file is damaged, or not a tokenizer.bin";
  std::size_t at = 0;
  const auto number = [&]<class T>(T value, std::string_view what) {
    require(bytes.size() - at >= sizeof value, "tokenizer.bin: must hold ", sizeof value, " bytes of ", what,
            " at byte ", at, ", got ", bytes.size() - at, hint);
    std::memcpy(&value, bytes.data() + at, sizeof value);
    at += sizeof value;
    return value;
  };
  ScoredPieces model;
  const auto longest = std::min(number(std::uint32_t{}, "the longest length"), std::uint32_t{ScoredPieces::longest});
  while (at < bytes.size()) {
    const std::size_t id = model.pieces.size();
    const float score = number(float{}, "a score");
    const auto length = number(std::int32_t{}, "a length");
    require(length > 0 && static_cast<std::uint32_t>(length) <= longest, "tokenizer.bin: the length of token ", id,
            " must be in 1 .. ", longest, ", got ", length, hint);
    require(static_cast<std::size_t>(length) <= bytes.size() - at, "tokenizer.bin: token ", id, " must have ", length,
            " bytes, but only ", bytes.size() - at, " are left", hint);
    std::string text(bytes.substr(at, static_cast<std::size_t>(length)));
    at += text.size();
    using Model = detail::SentencePieceModel;
    constexpr std::string_view special[] = {"<unk>", "\n<s>\n", "\n</s>\n"}, spelled[] = {"<unk>", "<s>", "</s>"};
    if (id < 3) {
      require(text == special[id] || text == spelled[id], "tokenizer.bin: token ", id, " must be ", spelled[id],
              ", got another", hint);
      text = spelled[id];
    }
    const bool is_byte = id >= 3 && id < 3 + 256 && detail::byte_of(text) == static_cast<int>(id) - 3;
    model.pieces.push_back({replaced(text, " ", space_sign), score, is_byte ? Model::byte : Model::normal});
  }
  return write_sentencepiece(std::move(model));
}

}}}  // namespace neutra::NEUTRA_ABI::data
