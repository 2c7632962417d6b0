/// Unigram tokenizers of a tokenizer.json, as T5, XLM-RoBERTa, ALBERT and converted SentencePiece models have them.
#pragma once

#include "neutra/data/unigram_model.hpp"
#include "neutra/data/vocabulary_tokenizer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// Gives the ids of the tokenizers library (Hugging Face), but that text which spells a special token or <0xNN> stays
/// text.
///
/// With byte fallback, bytes that are not UTF-8 and U+2581, which stands for a space, are encoded one by one, and
/// decode(encode(x)) == x but for the changes that the file asks for: its normalizers, and the space in front as in
/// BpeTokenizer. Without byte fallback text is lost: a run of characters without pieces becomes the unknown token, and
/// models that separate words by white space drop it.
class UnigramTokenizer final : public VocabularyTokenizer<UnigramModel> {
 public:
  /// serialized: the content of the file that the model was read from.
  UnigramTokenizer(UnigramModel model, std::string serialized)
      : VocabularyTokenizer(std::move(model), std::move(serialized)) {}

  std::size_t lost_bytes(std::string_view text) const override {
    std::size_t lost = 0;
    if (model_.byte_fallback) return lost;
    Encoding encoding(*this);
    encoding.lost = &lost;
    encoding.encode(text, true, [](std::span<const std::int32_t>) {});
    return lost;
  }

 private:
  using Encoding = VocabularyTokenizer<UnigramModel>::Encoding;

  void append(std::string_view text, bool begins, Encoding& encoding) const override {
    const std::string hidden = model_.byte_fallback ? hide_signs(text) : std::string();
    if (!hidden.empty()) text = hidden;
    const auto normalized = [&](std::string_view part, bool) {
      std::optional<std::string> normal(part);
      for (const TextChange& change : model_.changes) normal = change(*normal);
      return normal;
    };
    encode_parts(text, begins, encoding.ids, normalized,
                 [&](std::string_view words, bool in_front) { append_part(words, in_front, encoding); });
  }

  // U+2581 of the text, and the byte FF, are hidden behind a byte FF, which occurs in no UTF-8.
  static constexpr std::string_view hidden_byte = "\xff\xc0", hidden_sign = "\xff\xfe";

  /// The text with its U+2581 hidden; empty if there is nothing to hide.
  static std::string hide_signs(std::string_view text) {
    if (text.find('\xff') == text.npos && text.find(space_sign) == text.npos) return {};
    return replaced(replaced(text, hidden_byte.substr(0, 1), hidden_byte), space_sign, hidden_sign);
  }

  /// Encodes normalised text between added tokens. in_front: whether the model puts a space in front of it
  void append_part(std::string_view part, bool in_front, Encoding& encoding) const {
    if (!model_.drops_white_space) return append_spaced(part, in_front, encoding);
    std::size_t start = 0;
    const auto finish = [&](std::size_t end) {
      if (end > start)
        append_spaced(part.substr(start, end - start),
                      (start == 0 ? in_front : model_.space == SpaceInFront::every_part), encoding);
    };
    for (std::size_t at = 0; at < part.size();) {
      const Character here = character_at(part, at);
      if (here.kind == CharacterClass::space) {
        finish(at);
        start = at + here.length;
      }
      at += here.length;
    }
    finish(part.size());
  }

  /// Spells spaces as U+2581, puts one in front, and cuts words before them, as Metaspace asks for.
  void append_spaced(std::string_view part, bool in_front, Encoding& encoding) const {
    if (!model_.metaspace) return append_word(part, encoding);
    std::string text = replaced(part, " ", space_sign);
    if (in_front && !text.starts_with(space_sign)) text.insert(0, space_sign);
    std::string_view rest = text;
    while (!rest.empty()) {
      const std::size_t next = model_.cut_at_spaces ? rest.find(space_sign, 1) : rest.npos;
      append_word(rest.substr(0, next), encoding);
      rest.remove_prefix(std::min(next, rest.size()));
    }
  }

  /// A model that does not cut at spaces has words as long as a text, whose tokens are passed on while it is cut.
  void append_word(std::string_view word, Encoding& encoding) const {
    if (WordCache::keeps(word) && !encoding.lost) {
      encoding.words.append(word, encoding.ids, [&](std::vector<std::int32_t>& tokens) {
        cut_word(word, tokens, [](std::string_view, std::int32_t) {});
      });
    } else {
      cut_word(word, encoding.ids, [&](std::string_view part, std::int32_t id) {
        if (encoding.lost && id == model_.unknown) *encoding.lost += spelled_bytes(part);
        encoding.pass_on();
      });
    }
    encoding.pass_on();
  }
  /// appended(part, id): called after each part of the word
  template <class Appended>
  void cut_word(std::string_view word, std::vector<std::int32_t>& tokens, const Appended& appended) const {
    cut(model_, word, [&](std::string_view part, std::int32_t id) {
      if (id == model_.unknown && model_.byte_fallback)
        append_unknown(part, tokens);
      else
        tokens.push_back(id);
      appended(part, id);
    });
  }
  /// The bytes of a part of a text before its spaces became U+2581.
  static std::size_t spelled_bytes(std::string_view part) { return replaced(part, space_sign, " ").size(); }

  void append_unknown(std::string_view part, std::vector<std::int32_t>& tokens) const {
    const bool hides = part.find('\xff') != part.npos;
    append_bytes(hides ? replaced(replaced(part, hidden_sign, space_sign), hidden_byte, "\xff") : part, tokens);
  }
};

}}}  // namespace neutra::NEUTRA_ABI::data
