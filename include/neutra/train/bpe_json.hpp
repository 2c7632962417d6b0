/// Reads the model and the added tokens of a tokenizer.json.
#pragma once

#include "neutra/data/bpe_model.hpp"
#include "neutra/data/sentencepiece_model.hpp"
#include "neutra/data/words.hpp"
#include "neutra/io/json.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace train { namespace detail {

/// No known vocabulary has more than a quarter of these.
inline constexpr Index most_token_ids = Index{1} << 22;

/// Error: a part of the file that this program does not implement, by name.
[[noreturn]] inline void refuse(const io::Reader& part, std::string_view name, std::string_view what) {
  fail(part.what(), ": ", name, ' ', what, ", which is not supported; use the model's tokenizer.model, if it has one");
}
/// Error: a switch of the file that is on and must be off.
inline void must_be_off(const io::Reader& part, const std::string& key, std::string_view name) {
  if (part.has(key) && part.flag(key)) refuse(part, name, concat("has \"", key, "\": true"));
}

inline void read_vocabulary(const io::Reader& model, data::BpeModel& result) {
  const io::Reader vocabulary = model.object("vocab");
  for (const auto& item : vocabulary.json().items()) {
    require(!item.key().empty(), model.what(), ": model.vocab must not hold an empty token");
    const auto id = static_cast<std::size_t>(vocabulary.integer(item.key(), {}, 0, most_token_ids - 1));
    if (id >= result.pieces.size()) result.pieces.resize(id + 1);
    std::string& piece = result.pieces[id];
    require(piece.empty(), model.what(), ": the tokens of model.vocab must have different ids, got ", id, " for \"",
            io::printable(piece), "\" and \"", io::printable(item.key()), '"');
    piece = item.key();
    result.ids.emplace(item.key(), static_cast<std::int32_t>(id));
  }
}

/// The two parts of a merge: "a b", or ["a", "b"], which can hold spaces.
inline std::pair<std::string, std::string> merge_parts(const io::Json& merge, const std::string& where) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
    return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  const std::string text = merge.is_string() ? merge.get<std::string>() : std::string();
  const std::size_t space = text.find(' ');
  require(space != text.npos && space > 0 && space + 1 < text.size() && text.find(' ', space + 1) == text.npos, where,
          " must be \"a b\" or [\"a\", \"b\"], got ",
          io::printable(merge.dump(-1, ' ', false, io::Json::error_handler_t::replace)));
  return {text.substr(0, space), text.substr(space + 1)};
}

inline void read_merges(const io::Reader& model, data::BpeModel& result) {
  const io::Json& merges = model.array("merges");
  result.merges.reserve(merges.size());
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const std::string where = concat(model.what(), ": merge ", rank);
    const auto [left, right] = merge_parts(merges[rank], where);
    const auto id = [&](const std::string& piece) {
      const std::int32_t found = result.id_of(piece);
      require(found >= 0, where, " must name tokens of model.vocab, got \"", io::printable(piece),
              "\"; the file is damaged");
      return found;
    };
    const std::string joined = left + right;
    result.merges.add(id(left), id(right), id(joined));
    if (result.byte_level) continue;
    char32_t last = 0;
    data::detail::for_each_character(joined, [&](std::string_view, char32_t point) {
      if (last != 0) result.neighbours.insert(data::detail::neighbours_key(last, point));
      last = point;
    });
  }
}

/// The tokens for single bytes. Error: some are missing.
inline void find_bytes(const io::Reader& model, data::BpeModel& result) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const std::string piece = result.byte_level ? data::detail::spelled(data::detail::byte_characters()[byte])
                                                : concat("<0x", digits[byte / 16], digits[byte % 16], '>');
    result.byte_ids[byte] = result.id_of(piece);
    require(result.byte_ids[byte] >= 0, model.what(), ": model.vocab must have a token for each byte, got none for ",
            io::hex_byte(static_cast<char>(byte)), " (", piece, "); text would be lost");
  }
}

/// Reads "model". The caller has set byte_level. Error: a model that is not BPE, or an option that is not supported.
inline void read_bpe(const io::Reader& file, data::BpeModel& result) {
  const io::Reader model = file.object("model");
  if (const std::string type = model.text("type", "BPE"); type != "BPE")
    refuse(file, "model", concat("is of type \"", io::printable(type), '"'));
  model.only({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
              "byte_fallback", "ignore_merges", "vocab", "merges"});
  if (model.has("dropout") && model.number("dropout") != 0) refuse(file, "model", "drops merges at random (dropout)");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (model.has(key) && !model.text(key).empty()) refuse(file, "model", concat("has a ", key));
  model.flag("fuse_unk", false);
  result.words_whole = model.flag("ignore_merges", false);
  if (!result.byte_level) {
    if (result.words_whole) refuse(file, "model", "has \"ignore_merges\": true without a ByteLevel pre-tokenizer");
    require(model.flag("byte_fallback", false), file.what(),
            ": model.byte_fallback must be true where there is no ByteLevel pre-tokenizer; text would be lost");
  }
  read_vocabulary(model, result);
  find_bytes(model, result);
  read_merges(model, result);
}

/// Reads "added_tokens". The caller has read the model and the normalizer.
inline void read_added(const io::Reader& file, data::BpeModel& result) {
  if (!file.has("added_tokens")) return;
  const io::Json& list = file.array("added_tokens");
  for (std::size_t k = 0; k < list.size(); ++k) {
    const io::Reader token(list[k], concat(file.what(), ": added token ", k));
    token.only({"id", "content", "special", "single_word", "lstrip", "rstrip", "normalized"});
    const auto id = static_cast<std::int32_t>(token.integer("id", {}, 0, most_token_ids - 1));
    const std::string content = token.text("content");
    const bool special = token.flag("special", false), normal = token.flag("normalized", !special);
    require(!content.empty(), token.what(), ": content must not be empty");
    const auto place = static_cast<std::size_t>(id);
    if (place >= result.pieces.size()) result.pieces.resize(place + 1);
    std::string& piece = result.pieces[place];
    const std::int32_t known = result.id_of(content);
    require((piece.empty() || piece == content) && (known < 0 || known == id), token.what(), ": \"",
            io::printable(content), "\" must have one id, and id ", id, " one text; id ", id, " is \"",
            io::printable(piece), "\", and the text has id ", known);
    piece = content;
    result.ids.emplace(content, id);
    result.added[id] = {content, special};
    // Whatever its options, text that spells a special token stays text.
    if (special) continue;
    for (const char* key : {"single_word", "lstrip", "rstrip"}) must_be_off(token, key, "a token that is not special");
    if (normal && result.space == data::SpaceInFront::every_part)
      refuse(token, "a token that is not special", "is normalized (\"normalized\": true) to one with a space in front");
    if (!normal) result.added_raw.add(content, id);
    if (normal) result.added_normalized.add(result.nfc ? data::normalized_nfc(content) : content, id);
  }
}

}}}}  // namespace neutra::NEUTRA_ABI::train::detail
