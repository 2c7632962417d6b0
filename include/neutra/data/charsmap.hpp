/// The precompiled map of characters of a SentencePiece model, by which it normalises text.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/utf8.hpp"
#include "neutra/data/unicode.hpp"

#include <unicode/brkiter.h>
#include <unicode/utext.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// Replaces characters as the tokenizers library does (normalizers/precompiled.rs): a grapheme cluster of up to five
/// bytes by what its shortest prefix in the map stands for, or else each of its characters.
///     u32 bytes of the trie; the trie, a double array of u32 (github.com/s-yata/darts-clone); texts, a NUL behind each
class Charsmap {
 public:
  /// Error: the trie or the texts do not fit in the bytes.
  explicit Charsmap(std::string_view bytes) {
    const auto word = [&](std::size_t at) {
      std::uint32_t value = 0;
      for (std::size_t k = 4; k-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + k]);
      return value;
    };
    const std::size_t size = bytes.size() < 4 ? 0 : word(0);
    require(
        size >= 4 && size % 4 == 0 && size <= bytes.size() - 4 && (size + 4 == bytes.size() || bytes.ends_with('\0')),
        "precompiled_charsmap: must be the size of a trie, a trie and texts, got ", bytes.size(),
        " bytes with a trie of ", size, "; the file is damaged");
    for (std::size_t at = 4; at < size + 4; at += 4) units_.push_back(word(at));
    texts_ = bytes.substr(size + 4);
  }

  /// The text after the map. Bytes that are not UTF-8 stay as they are.
  std::string operator()(std::string_view text) const {
    std::string result;
    result.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
      std::size_t end = at;
      for (std::size_t length; end - at < longest && (length = utf8_length(text, end)) > 0;) end += length;
      if (end > at) append(text.substr(at, end - at), result);
      if (end < text.size() && utf8_length(text, end) == 0) result += text[end++];
      at = end;
    }
    return result;
  }

 private:
  static constexpr std::size_t longest = std::size_t{1} << 30;  // ICU counts in 32 bits

  /// Appends what valid UTF-8 stands for.
  void append(std::string_view text, std::string& result) const {
    UErrorCode status = U_ZERO_ERROR;
    std::unique_ptr<icu::BreakIterator> clusters(
        icu::BreakIterator::createCharacterInstance(icu::Locale::getRoot(), status));
    UText opened = UTEXT_INITIALIZER;
    utext_openUTF8(&opened, text.data(), static_cast<std::int64_t>(text.size()), &status);
    if (U_SUCCESS(status)) clusters->setText(&opened, status);
    require(U_SUCCESS(status), "tokenizer: ICU cannot find the characters of ", text.size(), " bytes (",
            u_errorName(status), ')');
    std::size_t at = 0;
    for (auto next = clusters->next(); next != icu::BreakIterator::DONE; next = clusters->next()) {
      const auto end = static_cast<std::size_t>(next);
      append_cluster(text.substr(at, end - at), result);
      at = end;
    }
    utext_close(&opened);
  }
  void append_cluster(std::string_view cluster, std::string& result) const {
    if (const auto whole = cluster.size() < 6 ? find(cluster) : std::nullopt) {
      result += *whole;
      return;
    }
    for (std::size_t at = 0, length = 0; at < cluster.size(); at += length) {
      length = utf8_length(cluster, at);
      const std::string_view character = cluster.substr(at, length);
      result += find(character).value_or(character);
    }
  }

  /// What the shortest prefix of a text that is in the map stands for.
  std::optional<std::string_view> find(std::string_view text) const {
    std::size_t node = offset(unit(0));
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte == 0) break;
      node ^= byte;
      const std::uint32_t found = unit(node);
      if ((found & (1u << 31 | 0xff)) != byte) break;
      node ^= offset(found);
      if ((found >> 8 & 1) == 0) continue;
      const std::size_t first = unit(node) & 0x7fffffff;
      require(first < texts_.size(), "precompiled_charsmap: text ", first, " must lie in its ", texts_.size(),
              " bytes; the file is damaged");
      return std::string_view(texts_).substr(first, texts_.find('\0', first) - first);
    }
    return std::nullopt;
  }
  std::uint32_t unit(std::size_t node) const {
    require(node < units_.size(), "precompiled_charsmap: node ", node, " must be one of its ", units_.size(),
            "; the file is damaged");
    return units_[node];
  }
  static std::size_t offset(std::uint32_t unit) { return (unit >> 10) << ((unit & 1u << 9) >> 6); }

  std::vector<std::uint32_t> units_;
  std::string texts_;
};

}}}  // namespace neutra::NEUTRA_ABI::data
