/// Byte-pair tokenizers, byte-level (GPT-2, Llama 3, Qwen) or with byte fallback (Llama 2, Gemma).
#pragma once

#include "neutra/data/bpe_model.hpp"
#include "neutra/data/sentencepiece_model.hpp"
#include "neutra/data/tokenizer.hpp"
#include "neutra/data/word_cache.hpp"
#include "neutra/data/words.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// Gives the ids of the tokenizers library (Hugging Face) with `encode_special_tokens`: added tokens that are not
/// special are found in the text, while text that spells a special token stays text.
///
/// decode(encode(x)) == x for every byte string, but for two kinds of models that change text: one that asks for
/// normalisation form C gives back NFC(x), and one whose space in front is left out where the text begins with a space
/// (Metaspace) gives back x without that space; the form of Metaspace that puts one in front of every part does so
/// after each added token too. Where the library would lose text, bytes are encoded one by one: bytes that are not
/// UTF-8, and, unless the model is byte-level, U+2581, which stands for a space.
class BpeTokenizer final : public Tokenizer {
 public:
  /// serialized: the content of the file that the model was read from.
  BpeTokenizer(BpeModel model, std::string serialized) : model_(std::move(model)), serialized_(std::move(serialized)) {
    surfaces_.reserve(model_.pieces.size());
    for (const std::string& piece : model_.pieces) surfaces_.push_back(surface(piece));
    for (const auto& [id, token] : model_.added)
      surfaces_[static_cast<std::size_t>(id)] = token.special ? std::string() : token.content;
    surfaces_[static_cast<std::size_t>(model_.bos)].clear();
  }

  Index vocab() const override { return static_cast<Index>(model_.pieces.size()); }
  std::int32_t bos() const override { return model_.bos; }
  bool knows(std::int32_t id) const override {
    return Tokenizer::knows(id) && !model_.pieces[static_cast<std::size_t>(id)].empty();
  }

  std::unique_ptr<Encoder> encoder() const override { return std::make_unique<Encoding>(*this); }

  std::string decode(std::span<const std::int32_t> ids) const override {
    std::string text;
    bool starts = model_.space != SpaceInFront::never;  // whether the next token begins with the space put in front
    for (std::size_t k = 0; k < ids.size(); ++k) {
      check_id(ids[k], static_cast<Index>(k));
      std::string_view shown = surfaces_[static_cast<std::size_t>(ids[k])];
      const bool added = model_.added.contains(ids[k]);
      if (starts && !added && shown.starts_with(' ')) shown.remove_prefix(1);
      if (!added) starts = false;
      if (added && !shown.empty()) starts = model_.space == SpaceInFront::every_part;
      text += shown;
    }
    return text;
  }

  std::string piece(std::int32_t id) const override {
    check_id(id, 0);
    return model_.pieces[static_cast<std::size_t>(id)];
  }

  std::string_view serialized() const override { return serialized_; }
  std::string_view file_name() const override { return "tokenizer.json"; }

 private:
  struct Encoding final : Encoder {
    using Encoder::at_a_time;
    explicit Encoding(const BpeTokenizer& made_for) : tokenizer(made_for) {}

    void encode(std::string_view text, bool begins, const Take& take_next) override {
      take = &take_next;
      const auto token = [&](std::int32_t id) { ids.push_back(id); };
      tokenizer.model_.added_raw.split(
          text,
          [&](std::string_view part) {
            const std::string normal = tokenizer.normalized(part, part.data() == text.data(), begins);
            tokenizer.model_.added_normalized.split(
                normal.empty() ? part : std::string_view(normal),
                [&](std::string_view words) {
                  tokenizer.model_.byte_level ? tokenizer.append_words(words, 0, *this)
                                              : tokenizer.append_text(words, *this);
                },
                token);
          },
          token);
      if (!ids.empty()) take_next(ids);
      ids.clear();
    }

    const BpeTokenizer& tokenizer;
    const Take* take = nullptr;
    std::vector<std::int32_t> ids, tokens;  // not taken yet; of one word
    WordCache cache;
  };

  std::string surface(const std::string& piece) const {
    if (model_.byte_level) return detail::byte_level_surface(piece);
    if (const int byte = detail::byte_of(piece); byte >= 0) return std::string(1, static_cast<char>(byte));
    std::string text = piece;
    for (std::size_t at = 0; (at = text.find(space_sign, at)) != std::string::npos; ++at)
      text.replace(at, space_sign.size(), " ");
    return text;
  }

  /// A part of the text between added tokens, normalised; empty if it stays as it is. first: of the parts; begins: see
  /// Encoder::encode
  std::string normalized(std::string_view part, bool first, bool begins) const {
    if (model_.nfc) return normalized_nfc(part);
    const bool prefixed =
        first ? begins && model_.space != SpaceInFront::never : model_.space == SpaceInFront::every_part;
    if (!prefixed || (model_.space_only_if_none && part.starts_with(' '))) return {};
    return concat(' ', part);
  }

  /// Cuts by the steps from `step` on, and encodes the words.
  void append_words(std::string_view text, std::size_t step, Encoding& encoding) const {
    if (step == model_.steps.size()) {
      append_word(text, encoding);
      return;
    }
    const auto next = [&](std::string_view part) { append_words(part, step + 1, encoding); };
    if (const auto* rule = std::get_if<WordRule>(&model_.steps[step])) {
      for_each_rule_word(text, *rule, next);
    } else {
      for_each_number_part(text, std::get<NumberParts>(model_.steps[step]).single, next);
    }
  }

  /// Encodes text of a model with byte fallback. It is cut where no merge joins the characters on both sides, which
  /// changes no token: words stay short, and repeated ones are found in the cache.
  void append_text(std::string_view text, Encoding& encoding) const {
    std::size_t start = 0;
    char32_t last = 0;
    const auto finish = [&](std::size_t end) {
      if (end > start) append_word(text.substr(start, end - start), encoding);
      start = end;
    };
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t length = utf8_length(text, at);
      const std::string_view character = text.substr(at, length == 0 ? 1 : length);
      if (length == 0 || character == space_sign) {
        finish(at);
        for (const char byte : character) encoding.ids.push_back(byte_id(byte));
        start = at += character.size();
        continue;
      }
      const bool blank = character == " ";
      const char32_t point = blank ? space_point : code_point(character);
      if (at > start &&
          ((blank && model_.cut_at_spaces) || !model_.neighbours.contains(detail::neighbours_key(last, point))))
        finish(at);
      last = point;
      at += length;
    }
    finish(text.size());
  }

  void append_word(std::string_view word, Encoding& encoding) const {
    encoding.cache.append(word, encoding.ids, [&](std::string_view fresh, auto& ids) {
      auto& tokens = encoding.tokens;
      tokens.clear();
      model_.byte_level ? spell_bytes(fresh, tokens) : spell_characters(fresh, tokens);
      if (const std::int32_t whole = model_.words_whole ? whole_word(fresh) : -1; whole >= 0) {
        tokens = {whole};
      } else {
        model_.merges.apply(tokens);
      }
      ids.insert(ids.end(), tokens.begin(), tokens.end());
    });
    if (encoding.ids.size() < Encoding::at_a_time) return;
    (*encoding.take)(encoding.ids);
    encoding.ids.clear();
  }

  std::int32_t byte_id(char byte) const { return model_.byte_ids[static_cast<unsigned char>(byte)]; }
  void spell_bytes(std::string_view word, std::vector<std::int32_t>& tokens) const {
    for (const char byte : word) tokens.push_back(byte_id(byte));
  }
  void spell_characters(std::string_view word, std::vector<std::int32_t>& tokens) const {
    detail::for_each_character(word, [&](std::string_view character, char32_t) {
      const std::int32_t id = model_.id_of(std::string(character == " " ? space_sign : character));
      id >= 0 ? tokens.push_back(id) : spell_bytes(character, tokens);
    });
  }
  /// The id of a byte-level word that is a token, -1 if there is none.
  std::int32_t whole_word(std::string_view word) const {
    std::string piece;
    for (const char byte : word) piece += detail::spelled(detail::byte_characters()[static_cast<unsigned char>(byte)]);
    return model_.id_of(piece);
  }

  static constexpr char32_t space_point = 0x2581;
  BpeModel model_;
  std::string serialized_;
  std::vector<std::string> surfaces_;
};

}}}  // namespace neutra::NEUTRA_ABI::data
