/// Reads a tokenizer.json whose model is of kind Unigram.
#pragma once

#include "neutra/data/charsmap.hpp"
#include "neutra/data/unigram_tokenizer.hpp"
#include "neutra/io/base64.hpp"
#include "neutra/train/tokenizer_parts.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train { namespace detail {

/// Reads "model": pieces and their scores. Returns the scores by id.
inline std::vector<double> read_unigram(const io::Reader& file, data::UnigramModel& result) {
  const io::Reader model = file.object("model");
  model.only({"type", "unk_id", "vocab", "byte_fallback"});
  const io::Json& list = model.array("vocab");
  require(static_cast<Index>(list.size()) <= most_token_ids, model.what(), ": model.vocab must have at most ",
          most_token_ids, " items, got ", list.size());
  std::vector<double> scores;
  for (const io::Json& item : list) {
    const std::size_t id = scores.size();
    require(item.is_array() && item.size() == 2 && item[0].is_string() && item[1].is_number(), model.what(),
            ": model.vocab: item ", id, " must be a piece and its score, got ",
            io::printable(item.dump(-1, ' ', false, io::Json::error_handler_t::replace)));
    result.pieces.push_back(item[0].get<std::string>());
    scores.push_back(item[1].get<double>());
    result.ids[result.pieces.back()] = static_cast<std::int32_t>(id);  // of equal pieces the last counts
  }
  result.byte_fallback = model.flag("byte_fallback", false);
  if (result.byte_fallback) find_bytes(model, result);
  result.unknown = static_cast<std::int32_t>(model.integer("unk_id", {}, 0, static_cast<Index>(scores.size()) - 1));
  return scores;
}

/// Makes the index of the pieces that are found in text. The caller has read the added tokens.
inline void index_pieces(const std::vector<double>& scores, data::UnigramModel& result) {
  constexpr double penalty = 10;  // tokenizers, unigram/model.rs: K_UNK_PENALTY
  result.unknown_score = *std::min_element(scores.begin(), scores.end()) - penalty;
  for (std::size_t id = 0; id < scores.size(); ++id) {
    const std::string& piece = result.pieces[id];
    const auto token = result.added.find(static_cast<std::int32_t>(id));
    const bool special = token != result.added.end() && token->second.special;
    const bool is_byte = result.byte_fallback && data::detail::byte_of(piece) >= 0;
    if (!piece.empty() && !special && !is_byte && result.ids.at(piece) == static_cast<std::int32_t>(id))
      result.index.add(piece, static_cast<std::int32_t>(id), scores[id]);
  }
  result.index.sort();
}

/// The change that a Replace normalizer makes.
inline data::TextChange replacement(const io::Reader& step) {
  step.only({"type", "pattern", "content"});
  const std::string to = step.text("content");
  const io::Reader pattern = step.object("pattern");
  if (pattern.text("Regex", "") == " {2,}")
    return [to](std::string_view text) { return data::runs_of_spaces_replaced(text, to); };
  const std::string from = pattern.text("String", "");
  if (from.empty()) refuse_step(step);
  return [from, to](std::string_view text) { return data::replaced(text, from, to); };
}

/// The change that a normalizer makes.
inline data::TextChange change_of(const io::Reader& step) {
  using Form = data::UnicodeForm;
  const std::string type = step.text("type");
  for (const auto& [name, form] : {std::pair{"NFC", Form::nfc}, std::pair{"NFD", Form::nfd},
                                   std::pair{"NFKC", Form::nfkc}, std::pair{"NFKD", Form::nfkd}})
    if (type == name) return [form = form](std::string_view text) { return data::normalized(text, form); };
  if (type == "Lowercase") return data::lower_case;
  if (type == "StripAccents") return data::without_marks;
  if (type == "Replace") return replacement(step);
  if (type == "Strip") {
    const bool left = step.flag("strip_left"), right = step.flag("strip_right");
    return [left, right](std::string_view text) { return data::stripped(text, left, right); };
  }
  if (type == "Prepend" && is_space_sign(step, "prepend"))
    return [](std::string_view text) { return text.empty() ? std::string() : concat(data::space_sign, text); };
  if (type != "Precompiled") refuse_step(step);
  const std::string bytes = io::from_base64(step.text("precompiled_charsmap"), step.what());
  if (bytes.empty()) return [](std::string_view text) { return std::string(text); };
  return data::Charsmap(bytes);
}

/// Reads "normalizer". Returns whether it replaces spaces by U+2581.
inline bool read_changes(const io::Reader& file, data::UnigramModel& result) {
  bool replaces = false;
  for (const io::Reader& step : steps_of(file, "normalizer", "normalizers")) {
    result.changes.push_back(change_of(step));
    const std::string type = step.text("type");
    if (type == "Prepend") result.space = data::SpaceInFront::every_part;
    replaces |= type == "Replace" && matches_literal(step, " ") && is_space_sign(step, "content");
  }
  return replaces;
}

inline void read_word_steps(const io::Reader& file, bool spaces_replaced, data::UnigramModel& result) {
  for (const io::Reader& step : steps_of(file, "pre_tokenizer", "pretokenizers")) {
    const std::string type = step.text("type");
    if (type == "WhitespaceSplit" && !result.metaspace) {
      result.drops_white_space = true;
    } else if (type == "Metaspace" && !result.metaspace) {
      result.cut_at_spaces = read_metaspace(step, result);
    } else {
      refuse_step(step);
    }
  }
  require(result.metaspace || spaces_replaced, file.what(),
          ": a normalizer or a Metaspace must replace spaces by U+2581; other files are not supported");
}

/// Error: a decoder with other steps than those that undo the steps above.
inline void check_unigram_decoder(const io::Reader& file) {
  bool spaces = false;
  for (const io::Reader& step : steps_of(file, "decoder", "decoders")) {
    const std::string type = step.text("type");
    const bool replaces = (type == "Metaspace" && is_space_sign(step, "replacement")) ||
                          (type == "Replace" && matches_literal(step, data::space_sign) && step.text("content") == " ");
    const bool strips =
        type == "Strip" && step.text("content") == " " && step.integer("start") == 1 && step.integer("stop") == 0;
    if (!replaces && !strips && type != "ByteFallback" && type != "Fuse") refuse_step(step);
    spaces |= replaces;
  }
  require(spaces, file.what(), ": the decoder must replace U+2581 by spaces to undo this encoding, got none that does");
}

inline std::shared_ptr<const data::Tokenizer> read_unigram_tokenizer(const io::Reader& file, std::string content,
                                                                     const std::string& bos) {
  data::UnigramModel model;
  const std::vector<double> scores = read_unigram(file, model);
  read_word_steps(file, read_changes(file, model), model);
  check_unigram_decoder(file);
  read_added(file, model, [&](std::string text) {
    for (const data::TextChange& change : model.changes) text = change(text);
    return text;
  });
  index_pieces(scores, model);
  read_ends(file, bos, model);
  return std::make_shared<data::UnigramTokenizer>(std::move(model), std::move(content));
}

}}}}  // namespace neutra::NEUTRA_ABI::train::detail
