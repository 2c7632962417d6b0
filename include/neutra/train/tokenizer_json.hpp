/// Reads tokenizer.json, the format of the tokenizers library (Hugging Face).
#pragma once

#include "neutra/data/bpe_tokenizer.hpp"
#include "neutra/io/json.hpp"
#include "neutra/train/bpe_json.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

namespace detail {

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

/// Whether normalizers replace spaces by U+2581.
inline bool read_normalizers(const io::Reader& file, data::BpeModel& model) {
  bool replaces = false;
  for (const io::Reader& step : steps_of(file, "normalizer", "normalizers")) {
    const std::string type = step.text("type");
    if (type == "NFC" && model.byte_level) {
      model.nfc = true;
    } else if (type == "Prepend" && !model.byte_level && is_space_sign(step, "prepend")) {
      model.space = data::SpaceInFront::every_part;
    } else if (type == "Replace" && !model.byte_level && matches_literal(step, " ") && is_space_sign(step, "content")) {
      replaces = true;
    } else {
      refuse_step(step);
    }
  }
  return replaces;
}

inline void read_split(const io::Reader& step, bool spaces_replaced, data::BpeModel& model) {
  step.only({"type", "pattern", "behavior", "invert"});
  const std::string behavior = step.text("behavior");
  const bool inverted = step.flag("invert", false);
  // There is no space left to split at.
  if (!model.byte_level && spaces_replaced && matches_literal(step, " ") && behavior == "MergedWithPrevious" &&
      !inverted)
    return;
  const auto rule = data::word_rule(step.object("pattern").text("Regex", ""));
  if (!rule || behavior != "Isolated" || inverted || !model.byte_level) refuse_step(step);
  model.steps.emplace_back(*rule);
}

inline void read_metaspace(const io::Reader& step, data::BpeModel& model) {
  step.only({"type", "replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep"});
  const std::string scheme = step.text("prepend_scheme", step.flag("add_prefix_space", true) ? "always" : "never");
  const bool first = scheme == "first", always = scheme == "always";
  if (model.byte_level || !is_space_sign(step, "replacement") || (!first && !always && scheme != "never"))
    refuse_step(step);
  if (model.space != data::SpaceInFront::never) refuse(step, "Metaspace", "follows a Prepend normalizer");
  model.space = first    ? data::SpaceInFront::text_start
                : always ? data::SpaceInFront::every_part
                         : data::SpaceInFront::never;
  model.space_only_if_none = true;
  model.cut_at_spaces = step.flag("split", true);
}

inline void read_pre_tokenizers(const io::Reader& file, bool spaces_replaced, data::BpeModel& model) {
  const auto steps = steps_of(file, "pre_tokenizer", "pretokenizers");
  for (const io::Reader& step : steps) {
    const std::string type = step.text("type");
    if (type == "Split") {
      read_split(step, spaces_replaced, model);
    } else if (type == "Digits" && model.byte_level) {
      model.steps.emplace_back(data::NumberParts{step.flag("individual_digits", false)});
    } else if (type == "Metaspace" && !spaces_replaced) {
      read_metaspace(step, model);
      spaces_replaced = true;
    } else if (type == "ByteLevel" && &step == &steps.back()) {
      must_be_off(step, "add_prefix_space", "ByteLevel");
      if (step.flag("use_regex", true)) model.steps.emplace_back(data::gpt2_words);
    } else {
      refuse_step(step);
    }
  }
  require(model.byte_level || spaces_replaced, file.what(),
          ": without a ByteLevel pre-tokenizer, a normalizer or a "
          "Metaspace must replace spaces by U+2581; other files are not supported");
}

/// Error: a decoder that does not undo what encoding does.
inline void check_decoder(const io::Reader& file, const data::BpeModel& model) {
  std::string steps;
  for (const io::Reader& step : steps_of(file, "decoder", "decoders")) {
    const std::string type = step.text("type");
    steps += steps.empty() ? type : ' ' + type;
    if (type == "Replace" && (!matches_literal(step, data::space_sign) || step.text("content") != " "))
      refuse_step(step);
    if (type == "Strip" && (step.text("content") != " " || step.integer("start") != 1 || step.integer("stop") != 0))
      refuse_step(step);
  }
  const bool strips = model.space != data::SpaceInFront::never;
  const std::string_view expected = model.byte_level ? "ByteLevel"
                                    : strips         ? "Replace ByteFallback Fuse Strip"
                                                     : "Replace ByteFallback Fuse";
  require(steps == expected, file.what(), ": the decoder must be ", expected, " to undo this encoding, got ",
          steps.empty() ? "none" : io::printable(steps));
}

/// The id that a TemplateProcessing puts in front; -1 if there is none.
inline std::int32_t read_template(const io::Reader& step, const data::BpeModel& model) {
  const io::Json& single = step.array("single");
  std::vector<std::string> front;
  bool text = false;
  for (const io::Json& item : single) {
    const io::Reader part(item, step.what());
    if (part.has("SpecialToken") && !text) {
      front.push_back(part.object("SpecialToken").text("id"));
    } else if (part.has("Sequence") && !text) {
      text = true;
    } else {
      refuse(step, "TemplateProcessing", "puts something behind the text");
    }
  }
  require(text, step.what(), ": TemplateProcessing must contain the text (\"Sequence\")");
  if (front.empty()) return -1;
  if (front.size() > 1) refuse(step, "TemplateProcessing", "puts more than one token in front of the text");
  const io::Reader token = step.object("special_tokens").object(front[0]);
  const auto ids = token.integers("ids", 0, most_token_ids - 1);
  const auto id = ids.size() == 1 ? static_cast<std::int32_t>(ids[0]) : -1;
  require(model.added.contains(id), step.what(), ": \"", io::printable(front[0]), "\" must be one added token, got ",
          ids.size() == 1 ? concat("id ", id) : concat(ids.size(), " ids"));
  return id;
}

inline std::int32_t read_bos(const io::Reader& file, const data::BpeModel& model, const std::string& bos) {
  std::int32_t id = -1;
  for (const io::Reader& step : steps_of(file, "post_processor", "processors")) {
    const std::string type = step.text("type");
    if (type == "TemplateProcessing") {
      id = read_template(step, model);
    } else if (type != "ByteLevel") {  // it changes offsets, not ids
      refuse_step(step);
    }
  }
  if (id < 0) id = model.id_of(bos);
  require(id >= 0, file.what(), ": must have a token to put in front of a text, got ",
          bos.empty() ? "no TemplateProcessing with one, and no bos_token or eos_token in tokenizer_config.json"
                      : "the unknown token \"" + io::printable(bos) + '"');
  require(model.added.contains(id) && model.added.at(id).special, file.what(), ": the token in front of a text, \"",
          io::printable(model.pieces[static_cast<std::size_t>(id)]), "\", must be among added_tokens as special");
  return id;
}

}  // namespace detail

/// The largest tokenizer.json in use has 35 MB.
inline constexpr std::uint64_t max_tokenizer_json = 200'000'000;

/// A tokenizer from the content of a tokenizer.json. `bos` is the token in front of a text where the file names none,
/// as those of GPT-2 and Qwen do not. `what` opens messages.
/// Error: malformed content; by name, whatever is not supported; a model that would lose text.
inline std::shared_ptr<const data::Tokenizer> read_tokenizer_json(std::string content, const std::string& what,
                                                                  const std::string& bos = {}) {
  const io::Json json = io::parse(content, what);
  const io::Reader file(json, what);
  file.only({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
             "decoder", "model"});
  data::BpeModel model;
  for (const io::Reader& step : detail::steps_of(file, "pre_tokenizer", "pretokenizers"))
    model.byte_level |= step.text("type") == "ByteLevel";
  detail::read_bpe(file, model);
  const bool spaces_replaced = detail::read_normalizers(file, model);
  detail::read_pre_tokenizers(file, spaces_replaced, model);
  detail::check_decoder(file, model);
  detail::read_added(file, model);
  model.bos = detail::read_bos(file, model, bos);
  return std::make_shared<data::BpeTokenizer>(std::move(model), std::move(content));
}

}}}  // namespace neutra::NEUTRA_ABI::train
