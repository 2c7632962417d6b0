// vocab.json with merges.txt, and the small files beside them. What is accepted loses no text.
#pragma once

#include "neutra/train/model_tokenizer.hpp"

#include "tests/fuzz/target.hpp"

#include <memory>

namespace fuzz {

/// The JSON files as one object, {"vocab.json": {...}, ...}, and merges.txt.
inline void bpe_files(std::string_view bytes) {
  const Pair files(bytes);
  const scratch::Folder folder;
  scratch::put(folder / "merges.txt", files.rest);
  std::shared_ptr<const data::Tokenizer> tokenizer;
  attempt([&] {
    const io::Json all = io::parse(files.json, "files");
    for (const char* name : {"vocab.json", "added_tokens.json", "special_tokens_map.json", "tokenizer_config.json"})
      if (all.is_object() && all.contains(name)) scratch::put(folder / name, all[name].dump());
    tokenizer = train::read_tokenizer(folder / "vocab.json");
  });
  if (!tokenizer) return;
  check_lossless(*tokenizer);
  const auto again = train::read_tokenizer_json(std::string(tokenizer->serialized()), "tokenizer.json",
                                                tokenizer->piece(tokenizer->bos()));
  claim(again->encode("  The\tthe 12345 can't") == tokenizer->encode("  The\tthe 12345 can't"),
        "a tokenizer.json that was written gives the ids of the files that it was made from");
}

}  // namespace fuzz
