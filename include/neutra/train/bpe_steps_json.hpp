/// Reads the steps around the model of a tokenizer.json of kind BPE.
#pragma once

#include "neutra/data/bpe_model.hpp"
#include "neutra/train/tokenizer_parts.hpp"

#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace train { namespace detail {

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

inline void read_pre_tokenizers(const io::Reader& file, bool spaces_replaced, data::BpeModel& model) {
  const auto steps = steps_of(file, "pre_tokenizer", "pretokenizers");
  for (const io::Reader& step : steps) {
    const std::string type = step.text("type");
    if (type == "Split") {
      read_split(step, spaces_replaced, model);
    } else if (type == "Digits" && model.byte_level) {
      model.steps.emplace_back(data::NumberParts{step.flag("individual_digits", false)});
    } else if (type == "Metaspace" && !spaces_replaced && !model.byte_level) {
      model.cut_at_spaces = read_metaspace(step, model);
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

}}}}  // namespace neutra::NEUTRA_ABI::train::detail
