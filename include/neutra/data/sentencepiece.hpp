/// Tokenizers in the SentencePiece format (tokenizer.model), made lossless for every byte string.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/data/sentencepiece_model.hpp"
#include "neutra/data/tokenizer.hpp"
#include "neutra/data/words.hpp"

#include <sentencepiece_processor.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// A SentencePiece model (BPE or unigram) with byte fallback.
///
/// The library itself loses text: an invalid byte becomes U+FFFD, and U+2581 is decoded as a space. Both, as well as
/// U+2585 and NUL, are therefore emitted as byte pieces here. All other text is encoded one word at a time
/// (for_each_word), with a cache of repeated words; if a piece of the model spans the start of a word, one line at a
/// time. Encoding by word gives the tokens of the whole line, except where a piece would span a newline or where a word
/// is cut at longest_stretch. Text that spells a control piece or an added token stays text: encode returns neither. A
/// model that prepends a space to every text (Llama 2) keeps doing so: encode adds the space, decode removes it.
class SentencePiece final : public Tokenizer {
 public:
  /// From the bytes of a tokenizer.model file and the tokens added beside it. Where both define an id, the model's
  /// piece wins. Errors: a truncated or damaged file, or another format; no bos; no byte fallback;
  /// a model that changes text.
  explicit SentencePiece(std::string serialized, AddedTokens added = {})
      : serialized_(std::move(serialized)), added_(std::move(added)) {
    const detail::SentencePieceModel model = detail::read_sentencepiece_model(serialized_);
    for (const auto& piece : model.pieces) {
      pieces_.push_back(piece.text);
      surfaces_.push_back(surface(piece));
    }
    byte_ids_ = model.byte_ids;
    dummy_prefix_ = model.dummy_prefix;
    crosses_words_ = model.crosses_words;
    processor_ = std::make_unique<sentencepiece::SentencePieceProcessor>();
    // In protocol buffers the last value of a field wins. Appends normalizer_spec { add_dummy_prefix: false }, because
    // encode calls the library once per word.
    const auto status = processor_->LoadFromSerializedProto(
        dummy_prefix_ ? serialized_ + std::string("\x1a\x02\x18\x00", 4) : serialized_);
    require(status.ok(), "tokenizer model: SentencePiece rejects it (", status.ToString(), "); the file is damaged");
    require(processor_->GetPieceSize() == vocab(), "tokenizer model: SentencePiece reads ", processor_->GetPieceSize(),
            " pieces where ", vocab(), " were found; the file is damaged");
    bos_ = processor_->bos_id();
    require(bos_ >= 0 && bos_ < vocab(),
            "tokenizer model: must have a control piece for the begin of text, got none; train it with bos_id=1");
  }

  Index vocab() const override { return static_cast<Index>(pieces_.size()); }
  std::int32_t bos() const override { return bos_; }
  std::int32_t eos() const override { return static_cast<std::int32_t>(processor_->eos_id()); }
  bool knows(std::int32_t id) const override { return Tokenizer::knows(id) || added_.contains(id); }

  std::vector<std::int32_t> encode(std::string_view text) const override {
    std::string prefixed;
    if (dummy_prefix_ && !text.empty()) text = prefixed = concat(' ', text);
    Encoding encoding;
    encoding.ids.reserve(text.size() / 3 + 1);
    const auto add = [&](std::string_view part, bool raw) {
      raw ? append_bytes(part, encoding.ids) : append_part(part, encoding);
    };
    if (crosses_words_) {
      for_each_line(text, add);
    } else {
      for_each_word(text, add);
    }
    return std::move(encoding.ids);
  }

  std::string decode(std::span<const std::int32_t> ids) const override {
    std::string text;
    for (std::size_t k = 0; k < ids.size(); ++k) {
      check_id(ids[k], static_cast<Index>(k));
      if (ids[k] < vocab()) {
        text += surfaces_[static_cast<std::size_t>(ids[k])];
      } else if (const AddedToken& token = added_.at(ids[k]); !token.special) {
        text += token.content;
      }
    }
    if (dummy_prefix_ && text.starts_with(' ')) text.erase(0, 1);
    return text;
  }

  /// The piece as the model spells it: U+2581 for a space, <0xNN> for a byte.
  std::string piece(std::int32_t id) const override {
    check_id(id, 0);
    return id >= vocab() ? added_.at(id).content : pieces_[static_cast<std::size_t>(id)];
  }

  std::string_view serialized() const override { return serialized_; }

 private:
  /// The position in ids of the tokens of a word encoded before.
  struct Place {
    std::size_t first = 0, count = 0;
  };
  struct Encoding {
    std::vector<std::int32_t> ids;
    std::unordered_map<std::string_view, Place> seen;
    std::vector<int> fresh;
    std::string spelled;
  };
  static constexpr std::size_t most_seen = std::size_t{1} << 20;  // limits the cache to about 64 MB

  static std::string surface(const detail::SentencePieceModel::Piece& piece) {
    using Model = detail::SentencePieceModel;
    if (piece.type == Model::control) return {};
    if (piece.type == Model::unknown) return " \xe2\x81\x87 ";  // as SentencePiece decodes it; encode never returns it
    if (piece.type == Model::byte) return std::string(1, static_cast<char>(detail::byte_of(piece.text)));
    return replaced(piece.text, space_sign, " ");
  }

  void append_bytes(std::string_view bytes, std::vector<std::int32_t>& ids) const {
    for (const char byte : bytes) ids.push_back(byte_ids_[static_cast<unsigned char>(byte)]);
  }

  void append_part(std::string_view part, Encoding& encoding) const {
    auto& [ids, seen, fresh, spelled] = encoding;
    if (const auto found = seen.find(part); found != seen.end()) {
      for (std::size_t k = 0; k < found->second.count; ++k) ids.push_back(ids[found->second.first + k]);
      return;
    }
    const auto status = processor_->Encode(part, &fresh);
    require(status.ok(), "tokenizer: SentencePiece cannot encode ", part.size(), " bytes (", status.ToString(),
            "); the model is damaged");
    spelled.clear();
    for (const int id : fresh) {
      check_id(id, static_cast<Index>(ids.size()));
      spelled += surfaces_[static_cast<std::size_t>(id)];
    }
    require(spelled == part, "tokenizer: the model does not give back what it encodes: \"", part.substr(0, 80),
            "\" became \"", std::string_view(spelled).substr(0, 80),
            "\"; use a model with identity normalisation and byte fallback");
    if (seen.size() < most_seen) seen.emplace(part, Place{ids.size(), fresh.size()});
    ids.insert(ids.end(), fresh.begin(), fresh.end());
  }

  std::string serialized_;
  AddedTokens added_;
  std::vector<std::string> pieces_, surfaces_;
  std::array<std::int32_t, 256> byte_ids_{};
  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor_;
  std::int32_t bos_ = -1;
  bool dummy_prefix_ = false, crosses_words_ = false;
};

}}}  // namespace neutra::NEUTRA_ABI::data
