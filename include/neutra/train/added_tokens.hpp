/// What the small files of a model folder say about its tokenizer: the tokens added to a tokenizer.model, and the token
/// in front of a text.
#pragma once

#include "neutra/data/tokenizer.hpp"
#include "neutra/io/folder_kind.hpp"
#include "neutra/io/json.hpp"
#include "neutra/train/tokenizer_parts.hpp"

#include <charconv>
#include <cstdint>
#include <set>
#include <string>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

namespace detail {

/// The text of a token in these files: a string, or an object with the text under "content".
inline std::string token_text(const io::Json& token) {
  if (token.is_object() && token.contains("content")) return token_text(token["content"]);
  return token.is_string() ? token.get<std::string>() : std::string();
}

/// Collects the special tokens of special_tokens_map.json or tokenizer_config.json: eos_token, pad_token, ...,
/// additional_special_tokens.
inline void add_special(const io::Json& file, std::set<std::string>& special) {
  for (const auto& [key, value] : file.items()) {
    if (key.ends_with("_token")) special.insert(token_text(value));
    if (key == "additional_special_tokens" && value.is_array())
      for (const io::Json& token : value) special.insert(token_text(token));
  }
}

/// Calls read(reader) for a JSON file if it is there.
template <class Read> void with_file(const io::Path& path, const Read& read) {
  constexpr std::uint64_t most = 16'000'000;  // bytes
  if (!io::is_there(path)) return;
  const io::Json json = io::read_json(path, most);
  read(io::Reader(json, path.string()));
}

}  // namespace detail

/// The texts of special tokens by special_tokens_map.json and tokenizer_config.json. Error: a malformed file.
inline std::set<std::string> read_special_texts(const io::Path& folder) {
  std::set<std::string> special;
  for (const char* name : {"special_tokens_map.json", "tokenizer_config.json"})
    detail::with_file(folder / name, [&](const io::Reader& file) { detail::add_special(file.json(), special); });
  special.erase(std::string());
  return special;
}

/// Reads added_tokens.json (text to id) and tokenizer_config.json ("added_tokens_decoder": id to text). The latter and
/// special_tokens_map.json say which tokens are special. Empty if there are no such files. Error: a malformed file.
inline data::AddedTokens read_added_tokens(const io::Path& folder) {
  constexpr Index last = (Index{1} << 31) - 1;
  data::AddedTokens added;
  const std::set<std::string> special = read_special_texts(folder);
  detail::with_file(folder / "added_tokens.json", [&](const io::Reader& file) {
    for (const auto& item : file.json().items())
      added[static_cast<std::int32_t>(file.integer(item.key(), {}, 0, last))] = {
          .content = item.key(), .normalized = !special.contains(item.key())};
  });
  detail::with_file(folder / "tokenizer_config.json", [&](const io::Reader& file) {
    if (!file.has("added_tokens_decoder")) return;
    const io::Reader decoder = file.object("added_tokens_decoder");
    for (const auto& item : decoder.json().items()) {
      const std::string& digits = item.key();
      std::int32_t id = -1;
      const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), id);
      require(id >= 0 && end.ptr == digits.data() + digits.size(), file.what(),
              ": a key of added_tokens_decoder must be a token's id, got \"", io::printable(digits), '"');
      added[id] = detail::read_added_token(decoder.object(digits));
    }
  });
  for (auto& [id, token] : added) token.special |= special.contains(token.content);
  return added;
}

/// The token that begins a text by tokenizer_config.json: its bos_token, or, as models without one are trained on
/// documents that an end of text separates, its eos_token. Empty if the file names neither, or is not there.
/// Error: a malformed file.
inline std::string read_text_start(const io::Path& folder) {
  const io::Path path = folder / "tokenizer_config.json";
  if (!io::is_there(path)) return {};
  const io::Json json = io::read_json(path);
  const io::Reader file(json, path.string());
  for (const char* key : {"bos_token", "eos_token"})
    if (file.has(key)) return detail::token_text(file.value(key));
  return {};
}

}}}  // namespace neutra::NEUTRA_ABI::train
