// A file of a token cache. Whatever its bytes are, the tokens are those of the text.
#pragma once

#include "neutra/data/byte_tokenizer.hpp"
#include "neutra/train/encode.hpp"

#include "tests/fuzz/target.hpp"

#include <cstring>
#include <filesystem>
#include <vector>

namespace fuzz {

/// The file with the hash of what is behind its header: whoever changes it on purpose can write that too.
inline std::string with_its_hash(std::string_view bytes) {
  train::detail::TokenFileHeader header;
  std::string file(bytes);
  if (file.size() < sizeof header) return file;
  std::memcpy(&header, file.data(), sizeof header);
  header.content = train::detail::digest_of(io::sha256_hex(bytes.substr(sizeof header)));
  std::memcpy(file.data(), &header, sizeof header);
  return file;
}

inline void token_cache(std::string_view bytes) {
  const data::TextPart text("the cat\nand the dog\n", {7, 19}, {{2, 4}, {9, 11}});
  const data::ByteTokenizer tokenizer;
  constexpr std::int32_t eos = '\n';
  constexpr Index length = 6;
  const data::TokenStream right = train::encode(tokenizer, text, eos);
  const scratch::Folder folder;
  train::TokenCache(folder.path(), {}).tokens(tokenizer, text, eos);
  const io::Path file = std::filesystem::directory_iterator(folder.path())->path();
  for (const bool on_purpose : {false, true}) {
    scratch::put(file, on_purpose ? with_its_hash(bytes) : std::string(bytes));
    attempt([&] {
      train::TokenCache cache(folder.path(), {});
      const data::TokenStream tokens = cache.tokens(tokenizer, text, eos);
      bool same = tokens.size() == right.size() && tokens.unscored() == right.unscored();
      for (std::size_t i = 0; same && i < tokens.size(); ++i) same = tokens[i] == right[i];
      claim(same || on_purpose, "the tokens of a cache must be those of the text");
      const data::Windows windows(tokens, length, tokenizer.vocab(), tokenizer.bos());
      data::Batch batch;
      for (Index window = 0; window < windows.count(); ++window) {
        windows.read(window, 1, data::Domain::target, batch);
        claim(windows.unscored_in(window) == std::count(batch.targets.begin(), batch.targets.end(), not_scored),
              "what is not scored must be marked");
      }
    });
  }
}

}  // namespace fuzz
