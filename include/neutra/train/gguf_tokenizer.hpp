/// The tokenizer of a GGUF file.      github.com/ggml-org/llama.cpp, gguf-py (constants.py) and llama-vocab.cpp
#pragma once

#include "neutra/data/sentencepiece_writer.hpp"
#include "neutra/io/gguf.hpp"
#include "neutra/io/json.hpp"
#include "neutra/train/export_tokenizer.hpp"
#include "neutra/train/sentencepiece_file.hpp"
#include "neutra/train/tokenizer_json.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

namespace detail {

/// The tokens of a file, their types, and its special tokens. The types are those of SentencePiece.
struct GgufTokens {
  std::vector<std::string> texts;
  std::vector<Index> types;
  std::size_t unknown, bos, eos;
};

inline GgufTokens gguf_tokens(const io::Reader& keys, Index bos, Index eos) {
  GgufTokens tokens{keys.texts("tokenizer.ggml.tokens"), keys.integers("tokenizer.ggml.token_type", 1, 6), 0, 0, 0};
  const auto count = static_cast<Index>(tokens.texts.size());
  require(count > 0, keys.what(), ": tokenizer.ggml.tokens must not be empty");
  require(static_cast<Index>(tokens.types.size()) == count, keys.what(), ": tokenizer.ggml.token_type must have ",
          count, " items, one for each token, got ", tokens.types.size());
  const auto id = [&](const char* key, Index fallback) {
    const Index found = keys.integer(key, fallback);
    require(found >= 0 && found < count, keys.what(), ": ", key, " must be in 0 .. ", count - 1, ", got ",
            keys.has(key) ? concat(found) : "none");
    return static_cast<std::size_t>(found);
  };
  tokens.unknown = id("tokenizer.ggml.unknown_token_id", 0);
  tokens.bos = id("tokenizer.ggml.bos_token_id", bos);
  tokens.eos = id("tokenizer.ggml.eos_token_id", eos);
  return tokens;
}

/// The tokenizer.model of a file that holds a SentencePiece model of kind BPE.
inline std::string gguf_sentencepiece(const io::Reader& keys) {
  require(!keys.flag("tokenizer.ggml.remove_extra_whitespaces", false), keys.what(),
          ": tokenizer.ggml.remove_extra_whitespaces must be false, got true; text would be lost");
  require(!keys.has("tokenizer.ggml.precompiled_charsmap"), keys.what(),
          ": tokenizer.ggml.precompiled_charsmap must be absent; normalisation is not supported");
  GgufTokens tokens = gguf_tokens(keys, 1, 2);
  const io::Json& scores = keys.array("tokenizer.ggml.scores");
  require(scores.size() == tokens.texts.size(), keys.what(), ": tokenizer.ggml.scores must have ", tokens.texts.size(),
          " items, one for each token, got ", scores.size());
  data::ScoredPieces model{
      {}, tokens.unknown, tokens.bos, tokens.eos, keys.flag("tokenizer.ggml.add_space_prefix", true)};
  for (std::size_t id = 0; id < scores.size(); ++id) {
    require(scores[id].is_number(), keys.what(), ": tokenizer.ggml.scores must be numbers");
    model.pieces.push_back(
        {std::move(tokens.texts[id]), scores[id].get<float>(), static_cast<std::uint64_t>(tokens.types[id])});
  }
  return data::write_sentencepiece(std::move(model));
}

/// The step that cuts text into words, by its name in GGUF (tokenizer.ggml.pre); null for the words of GPT-2.
inline io::Json gguf_word_step(const io::Reader& keys) {
  const std::string name = keys.text("tokenizer.ggml.pre", "default");
  if (name == "gpt-2") return nullptr;
  if (name == "smollm") return {{"type", "Digits"}, {"individual_digits", true}};
  require(name == "llama-bpe", keys.what(), ": tokenizer.ggml.pre must be one of gpt-2, llama-bpe, smollm, got \"",
          io::printable(name), "\"; take the model's safetensors folder");
  return split_step(data::llama3_expression);
}

/// The tokenizer.json of a file that holds a byte-level BPE model.
inline std::string gguf_byte_level(const io::Reader& keys) {
  // Either stands for the other, as models without bos are trained on documents that eos separates.
  const GgufTokens tokens = gguf_tokens(keys, keys.integer("tokenizer.ggml.eos_token_id", -1),
                                        keys.integer("tokenizer.ggml.bos_token_id", -1));
  using Types = data::detail::SentencePieceModel;
  io::Json vocabulary = io::Json::object(), added = io::Json::array();
  for (std::size_t id = 0; id < tokens.texts.size(); ++id) {
    const std::string& text = tokens.texts[id];
    const auto type = static_cast<Types::Type>(tokens.types[id]);
    const bool special = type == Types::control || id == tokens.bos || id == tokens.eos;
    if (special || type == Types::user_defined) {
      added.push_back(special_token(text, id));
      added.back()["special"] = special;
    } else {
      require(vocabulary.emplace(text, id).second, keys.what(), ": tokenizer.ggml.tokens: token ", id, " (",
              io::printable(text), ") must not occur twice; the file is damaged");
    }
  }
  io::Json file = byte_level_frame(std::move(vocabulary), keys.array("tokenizer.ggml.merges"), std::move(added),
                                   tokens.texts[tokens.bos], static_cast<Index>(tokens.bos), gguf_word_step(keys));
  file["model"]["ignore_merges"] = keys.text("tokenizer.ggml.pre", "default") == "llama-bpe";
  return io::dump(file, keys.what());
}

}  // namespace detail

/// The tokenizer of a GGUF file: a SentencePiece model ("llama") or byte-level BPE ("gpt2"). What a run saves is a
/// tokenizer.model or a tokenizer.json.
/// Error: as io::Gguf; another kind or rule of words; keys that are missing or do not agree; a model that would lose
/// text.
inline std::shared_ptr<const data::Tokenizer> read_gguf_tokenizer(const io::Path& path) {
  const io::Gguf file = io::Gguf::open(path);
  const io::Reader keys(file.metadata(), file.name());
  const std::string kind = keys.text("tokenizer.ggml.model");
  require(kind == "llama" || kind == "gpt2", file.name(),
          ": tokenizer.ggml.model must be \"llama\" or \"gpt2\", got \"", io::printable(kind),
          "\"; take the model's safetensors folder");
  if (kind == "gpt2") return read_tokenizer_json(detail::gguf_byte_level(keys), file.name());
  return read_sentencepiece(file.name(), [&] { return detail::gguf_sentencepiece(keys); });
}

}}}  // namespace neutra::NEUTRA_ABI::train
