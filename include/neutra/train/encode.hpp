/// Texts as the windows of a model's tokens.
#pragma once

#include "neutra/data/documents.hpp"
#include "neutra/data/windows.hpp"
#include "neutra/nn/config.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// The token that separates documents: the first that ends a text by config.json. Empty if there is none.
inline std::optional<std::int32_t> end_of_text(const nn::Config& config) {
  return config.eos.empty() ? std::nullopt : std::optional(static_cast<std::int32_t>(config.eos.front()));
}
/// Of a text whose documents it does not separate.
inline constexpr std::string_view no_end_of_text =
    "note: the model has no token that ends a text (eos_token_id); documents are separated by newlines";

/// The windows of a text; ends, eos: see data::encode_documents.
inline data::Windows windows_of(const data::Tokenizer& tokenizer, std::string_view text,
                                const std::vector<std::size_t>& ends, std::optional<std::int32_t> eos, Index length) {
  const Index vocabulary = std::max(tokenizer.vocab(), Index{eos.value_or(-1)} + 1);
  return {data::encode_documents(tokenizer, text, ends, eos), length, vocabulary, tokenizer.bos()};
}

}}}  // namespace neutra::NEUTRA_ABI::train
