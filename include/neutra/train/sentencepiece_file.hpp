/// SentencePiece tokenizers from files, with errors that name the file.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/data/sentencepiece.hpp"

#include <memory>
#include <string>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// A tokenizer from the tokenizer.model that `content` returns, and the tokens added beside it.
/// Error: that of `content` or data::SentencePiece, with the path in front.
template <class Content>
std::shared_ptr<const data::Tokenizer> read_sentencepiece(const std::string& path, const Content& content,
                                                          data::AddedTokens added = {}) {
  try {
    return std::make_shared<data::SentencePiece>(content(), std::move(added));
  } catch (const Error& error) {
    const std::string message = error.what();
    throw Error(message.find(path) == message.npos ? concat(path, ": ", message) : message);
  }
}

}}}  // namespace neutra::NEUTRA_ABI::train
