/// The tokenizer of a model: read from its files, or made for a model that is pretrained here.
#pragma once

#include "neutra/data/byte_tokenizer.hpp"
#include "neutra/data/llama2c_tokenizer.hpp"
#include "neutra/data/train_sentencepiece.hpp"
#include "neutra/io/file.hpp"
#include "neutra/io/folder.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/sha256.hpp"
#include "neutra/nn/config_json.hpp"
#include "neutra/train/added_tokens.hpp"
#include "neutra/train/bpe_files.hpp"
#include "neutra/train/sentencepiece_file.hpp"
#include "neutra/train/tokenizer_json.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// The identity of a tokenizer: the SHA-256 of its file, or of the empty string for the byte tokenizer.
inline std::string tokenizer_sha256(const data::Tokenizer& tokenizer) { return io::sha256_hex(tokenizer.serialized()); }

/// Reads a tokenizer.model, or by its ending a tokenizer.json or a llama2.c tokenizer.bin, or a vocab.json with the
/// merges.txt beside it; `added` are the tokens added beside the first.
/// Error: the file cannot be read, or its content is not valid; the message begins with its path.
inline std::shared_ptr<const data::Tokenizer> read_tokenizer(const io::Path& file, data::AddedTokens added = {}) {
  if (file.filename() == "vocab.json") return read_bpe_files(file.parent_path());
  if (file.extension() == ".json")
    return read_tokenizer_json(io::read_file(file, max_tokenizer_json), file.string(),
                               read_text_start(file.parent_path()));
  const auto content = [&] {
    std::string bytes = io::read_file(file, std::uint64_t{1} << 30);
    return file.extension() == ".bin" ? data::sentencepiece_from_llama2c(bytes) : std::move(bytes);
  };
  return read_sentencepiece(file.string(), content, std::move(added));
}

/// The tokenizer of a model folder: its tokenizer.model with the added tokens, or bytes if its config.json says so, or
/// its tokenizer.json, or its vocab.json with merges.txt.
/// Does not read the weights. Error: an unsupported model (checked before its tokenizer); no tokenizer;
/// not a model folder.
inline std::shared_ptr<const data::Tokenizer> tokenizer_in(const io::Path& folder) {
  bool bytes = false;
  if (const io::Path file = folder / "config.json"; io::is_there(file)) {
    const io::Json config = io::read_json(file);
    // For its checks: no use looking for the tokenizer of a model that is not supported.
    nn::read_config(config, file.string());
    bytes = config.value("neutra_tokenizer", io::Json()) == "byte";
  }
  if (const io::Path file = folder / "tokenizer.model"; io::is_there(file))
    return read_tokenizer(file, read_added_tokens(folder));
  if (bytes) return std::make_shared<data::ByteTokenizer>();
  for (const char* name : {"tokenizer.json", "vocab.json"})
    if (io::is_there(folder / name)) return read_tokenizer(folder / name);
  io::WeightSource::open(folder);  // throws with what the folder is, if it is not a model folder
  fail(folder.string(), ": must hold a tokenizer.model (SentencePiece), a tokenizer.json or a vocab.json, got none",
       "; take a model that has one, or put the model's tokenizer there");
}

/// The tokenizer of a backbone pretrained here: bytes ("byte"), one trained on the pretraining text alone
/// ("sentencepiece"), or a given file.
inline std::shared_ptr<const data::Tokenizer> new_tokenizer(const std::string& kind, Index vocabulary,
                                                            std::string_view pretraining_text) {
  if (kind == "byte") return std::make_shared<data::ByteTokenizer>();
  if (kind != "sentencepiece") return read_tokenizer(kind);
  return std::make_shared<data::SentencePiece>(data::train_sentencepiece(pretraining_text, {.vocab = vocabulary}));
}

}}}  // namespace neutra::NEUTRA_ABI::train
