/// Reads the model of a tokenizer.json of kind BPE.
#pragma once

#include "neutra/data/bpe_model.hpp"
#include "neutra/train/tokenizer_parts.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace train { namespace detail {

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

/// Reads "model", which is a BPE. The caller has set byte_level. Error: an option that is not supported.
inline void read_bpe(const io::Reader& file, data::BpeModel& result) {
  const io::Reader model = file.object("model");
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

}}}}  // namespace neutra::NEUTRA_ABI::train::detail
