/// Reads tokenizer.json, the format of the tokenizers library (Hugging Face).
#pragma once

#include "neutra/data/bpe_tokenizer.hpp"
#include "neutra/io/json.hpp"
#include "neutra/train/bpe_json.hpp"
#include "neutra/train/bpe_steps_json.hpp"
#include "neutra/train/unigram_json.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

namespace detail {

inline std::shared_ptr<const data::Tokenizer> read_bpe_tokenizer(const io::Reader& file, std::string content,
                                                                 const std::string& bos) {
  data::BpeModel model;
  for (const io::Reader& step : steps_of(file, "pre_tokenizer", "pretokenizers"))
    model.byte_level |= step.text("type") == "ByteLevel";
  read_bpe(file, model);
  const bool spaces_replaced = read_normalizers(file, model);
  read_pre_tokenizers(file, spaces_replaced, model);
  check_decoder(file, model);
  model.added_normalized = data::AddedTexts(spaces_replaced);
  const bool prepends = model.space == data::SpaceInFront::every_part && !model.metaspace;
  read_added(file, model, [&](const std::string& text) {
    return model.nfc ? data::normalized(text, data::UnicodeForm::nfc) : prepends ? ' ' + text : text;
  });
  read_ends(file, bos, model);
  return std::make_shared<data::BpeTokenizer>(std::move(model), std::move(content));
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
  const std::string type = file.object("model").text("type", "BPE");
  if (type == "BPE") return detail::read_bpe_tokenizer(file, std::move(content), bos);
  if (type == "Unigram") return detail::read_unigram_tokenizer(file, std::move(content), bos);
  detail::refuse(file, "model", concat("is of type \"", io::printable(type), '"'));
}

}}}  // namespace neutra::NEUTRA_ABI::train
