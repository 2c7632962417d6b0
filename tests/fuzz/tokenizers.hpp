// Tokenizers by the name of their file. What is accepted loses no text.
#pragma once

#include "neutra/train/added_tokens.hpp"
#include "neutra/train/model_tokenizer.hpp"

#include "tests/data/sentencepiece_bytes.hpp"
#include "tests/fuzz/target.hpp"

namespace fuzz {

inline void tokenizer_file(const char* name, std::string_view bytes) {
  const scratch::Folder folder;
  scratch::put(folder / name, bytes);
  scratch::put(folder / "tokenizer_config.json", R"({"bos_token": "<|endoftext|>"})");
  std::shared_ptr<const data::Tokenizer> tokenizer;
  attempt([&] { tokenizer = train::read_tokenizer(folder / name); });
  if (tokenizer) check_lossless(*tokenizer);
}
inline void tokenizer_json(std::string_view bytes) { tokenizer_file("tokenizer.json", bytes); }
inline void tokenizer_bin(std::string_view bytes) { tokenizer_file("tokenizer.bin", bytes); }
inline void tokenizer_model(std::string_view bytes) { tokenizer_file("tokenizer.model", bytes); }

/// The small files beside a tokenizer.model, as one object: {"added_tokens.json": {...}, ...}
inline void added_tokens(std::string_view bytes) {
  const scratch::Folder folder;
  scratch::put(folder / "tokenizer.model", samples::ModelBytes{}.serialize());
  std::shared_ptr<const data::Tokenizer> tokenizer;
  attempt([&] {
    const io::Json files = io::parse(bytes, "files");
    for (const char* name : {"special_tokens_map.json", "added_tokens.json", "tokenizer_config.json"})
      if (files.is_object() && files.contains(name)) scratch::put(folder / name, files[name].dump());
    train::read_text_start(folder.path());
    tokenizer = train::read_tokenizer(folder / "tokenizer.model", train::read_added_tokens(folder.path()));
  });
  if (tokenizer) check_lossless(*tokenizer);
}

}  // namespace fuzz
