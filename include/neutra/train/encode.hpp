/// Texts as the windows of a model's tokens.
#pragma once

#include "neutra/data/documents.hpp"
#include "neutra/data/windows.hpp"
#include "neutra/nn/config.hpp"
#include "neutra/train/evaluation.hpp"
#include "neutra/train/token_cache.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// The token that separates documents: the first that ends a text by config.json. Empty if there is none.
inline std::optional<std::int32_t> end_of_text(const nn::Config& config) {
  return config.eos.empty() ? std::nullopt : std::optional(static_cast<std::int32_t>(config.eos.front()));
}
/// Of a text whose documents it does not separate.
inline constexpr std::string_view no_end_of_text =
    "note: the model has no token that ends a text (eos_token_id); documents are separated by newlines";

/// The tokens of a text; eos: see data::encode_documents.
inline data::TokenStream encode(const data::Tokenizer& tokenizer, const data::TextPart& text,
                                std::optional<std::int32_t> eos) {
  std::vector<std::int32_t> ids;
  data::Runs unscored;
  ids.reserve(text.bytes.size() / 3 + 1);
  data::encode_documents(tokenizer, text, eos, [&](std::span<const std::int32_t> next, bool scored) {
    if (!scored) append_run(unscored, {ids.size(), ids.size() + next.size()});
    ids.insert(ids.end(), next.begin(), next.end());
  });
  return data::TokenStream(std::move(ids), std::move(unscored));
}

/// The windows of a text, whose tokens a cache keeps if there is one.      Error: none of the text is scored.
inline data::Windows windows_of(const data::Tokenizer& tokenizer, const data::TextPart& text,
                                std::optional<std::int32_t> eos, Index length, TokenCache* cache = nullptr) {
  require(text.scored_bytes() > 0, "encoding text: a part of it must be scored, got ", text.bytes.size(),
          " bytes that are all context; give more text, or mark the field that is learnt with ! in --template");
  const Index vocabulary = std::max(tokenizer.vocab(), Index{eos.value_or(-1)} + 1);
  auto tokens = cache ? cache->tokens(tokenizer, text, eos) : encode(tokenizer, text, eos);
  return {std::move(tokens), length, vocabulary, tokenizer.bos()};
}

/// A text for evaluation; no windows for an empty one.
inline EvaluationText evaluation_text(const data::Tokenizer& tokenizer, const data::TextPart& text,
                                      std::optional<std::int32_t> eos, Index length, TokenCache* cache = nullptr) {
  if (text.bytes.empty()) return {};
  return {windows_of(tokenizer, text, eos, length, cache), static_cast<Index>(text.scored_bytes())};
}

}}}  // namespace neutra::NEUTRA_ABI::train
