/// Tokenizers in the SentencePiece format (tokenizer.model), made lossless for every byte string.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/data/sentencepiece_model.hpp"
#include "neutra/data/tokenizer.hpp"
#include "neutra/data/word_cache.hpp"
#include "neutra/data/words.hpp"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
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

  std::unique_ptr<Encoder> encoder() const override { return std::make_unique<Encoding>(*this); }

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
  class Encoding final : public Encoder {
   public:
    explicit Encoding(const SentencePiece& model) : model_(model) {}

    void encode(std::string_view text, bool begins, const Take& take) override {
      if (model_.dummy_prefix_ && begins && !text.empty()) {
        // The space is put in front of a copy of the first lines. All models cut behind them.
        std::size_t lines = text.find('\n');
        lines = std::min(text.find_first_not_of('\n', std::min(lines, text.size())), text.size());
        append(concat(' ', text.substr(0, lines)), take);
        text.remove_prefix(lines);
      }
      append(text, take);
      if (!ids_.empty()) take(ids_);
      ids_.clear();
    }

   private:
    void append(std::string_view text, const Take& take) {
      const auto add = [&](std::string_view part, bool raw) {
        if (raw) {
          for (const char byte : part) ids_.push_back(model_.byte_ids_[static_cast<unsigned char>(byte)]);
        } else {
          cache_.append(part, ids_, [&](std::vector<int>& tokens) { model_.encode_word(part, tokens); });
        }
        if (ids_.size() < at_a_time) return;
        take(ids_);
        ids_.clear();
      };
      if (model_.crosses_words_) {
        for_each_line(text, add);
      } else {
        for_each_word(text, add);
      }
    }

    const SentencePiece& model_;
    WordCache cache_;
    std::vector<std::int32_t> ids_;
  };

  static std::string surface(const detail::SentencePieceModel::Piece& piece) {
    using Model = detail::SentencePieceModel;
    if (piece.type == Model::control) return {};
    if (piece.type == Model::unknown) return " \xe2\x81\x87 ";  // as SentencePiece decodes it; encode never returns it
    if (piece.type == Model::byte) return std::string(1, static_cast<char>(detail::byte_of(piece.text)));
    return replaced(piece.text, space_sign, " ");
  }

  /// Error: the model is damaged, or changes the text.
  void encode_word(std::string_view part, std::vector<int>& tokens) const {
    const auto status = processor_->Encode(part, &tokens);
    require(status.ok(), "tokenizer: SentencePiece cannot encode ", part.size(), " bytes (", status.ToString(),
            "); the model is damaged");
    std::string spelled;
    for (const int id : tokens) {
      check_id(id, 0);
      spelled += surfaces_[static_cast<std::size_t>(id)];
    }
    require(spelled == part, "tokenizer: the model does not give back what it encodes: \"", part.substr(0, 80),
            "\" became \"", std::string_view(spelled).substr(0, 80),
            "\"; use a model with identity normalisation and byte fallback");
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
