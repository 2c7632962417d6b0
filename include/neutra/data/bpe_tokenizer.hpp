/// Byte-pair tokenizers, byte-level (GPT-2, Llama 3, Qwen) or with byte fallback (Llama 2, Gemma).
#pragma once

#include "neutra/data/bpe_model.hpp"
#include "neutra/data/vocabulary_tokenizer.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
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
/// after each added token too. An added token that strips white space loses it. Where the library would lose text,
/// bytes are encoded one by one: bytes that are not UTF-8, and, unless the model is byte-level, U+2581, which stands
/// for a space.
class BpeTokenizer final : public VocabularyTokenizer<BpeModel> {
 public:
  /// serialized: the content of the file that the model was read from.
  BpeTokenizer(BpeModel model, std::string serialized) : VocabularyTokenizer(std::move(model), std::move(serialized)) {}

 private:
  using Encoding = VocabularyTokenizer<BpeModel>::Encoding;

  void append(std::string_view text, bool begins, Encoding& encoding) const override {
    encode_parts(
        text, begins, encoding.ids,
        [&](std::string_view part, bool in_front) { return normalized_part(part, in_front); },
        [&](std::string_view words, bool in_front) { append_words(words, in_front, encoding); });
  }

  std::optional<std::string> normalized_part(std::string_view part, bool in_front) const {
    if (model_.nfc) return normalized(part, UnicodeForm::nfc);
    if (in_front && model_.space == SpaceInFront::every_part && !model_.metaspace) return concat(' ', part);
    return std::nullopt;
  }

  /// Encodes normalised text between added tokens. in_front: whether the model puts a space in front of it
  void append_words(std::string_view text, bool in_front, Encoding& encoding) const {
    if (model_.byte_level) return append_steps(text, 0, encoding);
    const bool prefixed = model_.metaspace && in_front && !text.starts_with(' ');
    prefixed ? append_text(concat(' ', text), encoding) : append_text(text, encoding);
  }

  /// Cuts by the steps from `step` on, and encodes the words.
  void append_steps(std::string_view text, std::size_t step, Encoding& encoding) const {
    if (step == model_.steps.size()) {
      append_word(text, encoding);
      return;
    }
    const auto next = [&](std::string_view part) { append_steps(part, step + 1, encoding); };
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
        append_bytes(character, encoding.ids);
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
    encoding.words.append(word, encoding.ids, [&](std::vector<std::int32_t>& tokens) {
      if (const std::int32_t whole = model_.words_whole ? whole_word(word) : -1; whole >= 0) {
        tokens.push_back(whole);
        return;
      }
      model_.byte_level ? append_bytes(word, tokens) : spell_characters(word, tokens);
      model_.merges.apply(tokens);
    });
    encoding.pass_on();
  }

  void spell_characters(std::string_view word, std::vector<std::int32_t>& tokens) const {
    detail::for_each_character(word, [&](std::string_view character, char32_t) {
      const std::int32_t id = model_.id_of(std::string(character == " " ? space_sign : character));
      id >= 0 ? tokens.push_back(id) : append_bytes(character, tokens);
    });
  }
  /// The id of a byte-level word that is a token, -1 if there is none.
  std::int32_t whole_word(std::string_view word) const {
    std::string piece;
    for (const char byte : word) piece += detail::spelled(detail::byte_characters()[static_cast<unsigned char>(byte)]);
    return model_.id_of(piece);
  }

  static constexpr char32_t space_point = 0x2581;
};

}}}  // namespace neutra::NEUTRA_ABI::data
