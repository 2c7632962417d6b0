/// The parts of a tokenizer.json that all kinds of models have.
#pragma once

#include "neutra/data/vocabulary.hpp"
#include "neutra/io/json.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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

/// The steps of a part of the file: none if it is null, the items of a Sequence in order, or the part itself. `list`
/// is the key of a Sequence's items.
inline std::vector<io::Reader> steps_of(const io::Reader& file, const std::string& part, const std::string& list) {
  if (!file.has(part)) return {};
  const io::Reader whole(file.value(part), concat(file.what(), ": ", part));
  if (whole.text("type") != "Sequence") return {whole};
  whole.only({"type", list});
  std::vector<io::Reader> steps;
  for (const io::Json& item : whole.array(list)) steps.emplace_back(item, concat(whole.what(), ' ', steps.size()));
  return steps;
}

[[noreturn]] inline void refuse_step(const io::Reader& step) {
  fail(step.what(), ": ", io::printable(step.json().dump(-1, ' ', false, io::Json::error_handler_t::replace), 200),
       " is not supported; use the model's tokenizer.model, if it has one");
}
inline bool is_space_sign(const io::Reader& step, const std::string& key) {
  return step.text(key, "") == data::space_sign;
}
/// Whether "pattern" is this literal string.
inline bool matches_literal(const io::Reader& step, std::string_view text) {
  const io::Reader pattern = step.object("pattern");
  return pattern.text("String", "") == text;
}

/// Reads a Metaspace pre-tokenizer. Returns whether it cuts the text before spaces.
inline bool read_metaspace(const io::Reader& step, data::Vocabulary& result) {
  step.only({"type", "replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep"});
  const std::string scheme = step.text("prepend_scheme", step.flag("add_prefix_space", true) ? "always" : "never");
  const bool first = scheme == "first", always = scheme == "always";
  if (!is_space_sign(step, "replacement") || (!first && !always && scheme != "never")) refuse_step(step);
  if (result.space != data::SpaceInFront::never) refuse(step, "Metaspace", "follows a Prepend normalizer");
  result.space = first    ? data::SpaceInFront::text_start
                 : always ? data::SpaceInFront::every_part
                          : data::SpaceInFront::never;
  result.metaspace = true;
  return step.flag("split", true);
}

/// Finds the token of each byte: byte-level, or <0xNN>. Error: some are missing.
inline void find_bytes(const io::Reader& model, data::Vocabulary& result) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const std::string piece = result.byte_level ? data::detail::spelled(data::detail::byte_characters()[byte])
                                                : concat("<0x", digits[byte / 16], digits[byte % 16], '>');
    result.byte_ids[byte] = result.id_of(piece);
    require(result.byte_ids[byte] >= 0, model.what(), ": model.vocab must have a token for each byte, got none for ",
            io::hex_byte(static_cast<char>(byte)), " (", piece, "); text would be lost");
  }
}

/// The token of an object of added_tokens, or of added_tokens_decoder in a tokenizer_config.json.
inline data::AddedToken read_added_token(const io::Reader& item) {
  const bool special = item.flag("special", false);
  return {item.text("content"),
          special,
          item.flag("normalized", !special),
          item.flag("single_word", false),
          item.flag("lstrip", false),
          item.flag("rstrip", false)};
}

/// Reads "added_tokens". The caller has read the model and the other steps. normalized(text): the text of a token that
/// is found after normalisation
template <class Normalized>
void read_added(const io::Reader& file, data::Vocabulary& result, const Normalized& normalized) {
  if (!file.has("added_tokens")) return;
  const io::Json& list = file.array("added_tokens");
  for (std::size_t k = 0; k < list.size(); ++k) {
    const io::Reader item(list[k], concat(file.what(), ": added token ", k));
    item.only({"id", "content", "special", "single_word", "lstrip", "rstrip", "normalized"});
    const auto id = static_cast<std::int32_t>(item.integer("id", {}, 0, most_token_ids - 1));
    const data::AddedToken token = read_added_token(item);
    const std::string& content = token.content;
    require(!content.empty(), item.what(), ": content must not be empty");
    const auto place = static_cast<std::size_t>(id);
    if (place >= result.pieces.size()) result.pieces.resize(place + 1);
    std::string& piece = result.pieces[place];
    const std::int32_t known = result.id_of(content);
    require((piece.empty() || piece == content) && (known < 0 || known == id), item.what(), ": \"",
            io::printable(content), "\" must have one id, and id ", id, " one text; id ", id, " is \"",
            io::printable(piece), "\", and the text has id ", known);
    piece = content;
    result.ids.emplace(content, id);
    result.added[id] = token;
    const std::string text = token.normalized ? normalized(content) : content;
    if (!text.empty()) (token.normalized ? result.added_normalized : result.added_raw).add(text, id, token);
  }
}

/// The ids that a post-processor puts in front of a text and behind it; -1 where there is none.
struct TextEnds {
  std::int32_t front = -1, behind = -1;
};

inline std::int32_t template_id(const io::Reader& step, const std::string& name) {
  const auto ids = step.object("special_tokens").object(name).integers("ids", 0, most_token_ids - 1);
  require(ids.size() == 1, step.what(), ": \"", io::printable(name), "\" must be one added token, got ", ids.size(),
          " ids");
  return static_cast<std::int32_t>(ids[0]);
}

inline TextEnds read_template(const io::Reader& step) {
  TextEnds ends;
  bool text = false;
  for (const io::Json& item : step.array("single")) {
    const io::Reader part(item, step.what());
    if (part.has("SpecialToken")) {
      std::int32_t& end = text ? ends.behind : ends.front;
      if (end >= 0) refuse(step, "TemplateProcessing", "puts more than one token on a side of the text");
      end = template_id(step, part.object("SpecialToken").text("id"));
    } else if (part.has("Sequence") && !text) {
      text = true;
    } else {
      refuse(step, "TemplateProcessing", "repeats the text");
    }
  }
  require(text, step.what(), ": TemplateProcessing must contain the text (\"Sequence\")");
  return ends;
}

/// "cls" and "sep" of a RobertaProcessing or BertProcessing: ["<s>", 0].
inline std::int32_t read_end(const io::Reader& step, const std::string& key) {
  const io::Json& pair = step.array(key);
  const bool fits = pair.size() == 2 && pair[0].is_string() && pair[1].is_number_unsigned() &&
                    pair[1].get<std::uint64_t>() < std::uint64_t{most_token_ids};
  require(fits, step.what(), ": ", key, " must be a token and its id, got ",
          io::printable(pair.dump(-1, ' ', false, io::Json::error_handler_t::replace)));
  return pair[1].get<std::int32_t>();
}

/// Reads "post_processor". bos: the token in front of a text where the file names none; if there is no such token
/// either, the one behind a text is taken. The caller has read the added tokens.
inline void read_ends(const io::Reader& file, const std::string& bos, data::Vocabulary& result) {
  TextEnds ends;
  for (const io::Reader& step : steps_of(file, "post_processor", "processors")) {
    const std::string type = step.text("type");
    if (type == "TemplateProcessing") {
      ends = read_template(step);
    } else if (type == "RobertaProcessing" || type == "BertProcessing") {
      ends = {read_end(step, "cls"), read_end(step, "sep")};
    } else if (type != "ByteLevel") {  // it changes offsets, not ids
      refuse_step(step);
    }
  }
  for (const std::int32_t id : {ends.front, ends.behind})
    require(id < 0 || result.added.contains(id), file.what(), ": post_processor must name added tokens, got id ", id);
  const std::int32_t id = ends.front >= 0 ? ends.front : bos.empty() ? ends.behind : result.id_of(bos);
  require(id >= 0, file.what(), ": must have a token to put in front of a text, got ",
          bos.empty() ? "no post_processor with one, and no bos_token or eos_token in tokenizer_config.json"
                      : "the unknown token \"" + io::printable(bos) + '"');
  require(result.added.contains(id) && result.added.at(id).special, file.what(), ": the token in front of a text, \"",
          io::printable(result.pieces[static_cast<std::size_t>(id)]), "\", must be among added_tokens as special");
  result.bos = id;
  result.eos = ends.behind;
}

}}}}  // namespace neutra::NEUTRA_ABI::train::detail
