/// The tokens of words that were encoded before.
#pragma once

#include "neutra/core/config.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// Words repeat in texts and across them, and looking one up is faster than merging its pieces.
class WordCache {
 public:
  /// Whether words of this length are kept. Others, which may be as long as a text, need no cache.
  static bool keeps(std::string_view word) { return word.size() <= longest; }

  /// Appends the tokens of a word to `ids`; encode(tokens) gives them if the word is new.
  template <class Encode> void append(std::string_view word, std::vector<std::int32_t>& ids, const Encode& encode) {
    if (const auto found = places_.find(word); found != places_.end()) {
      const auto first = tokens_.begin() + static_cast<std::ptrdiff_t>(found->second.first);
      ids.insert(ids.end(), first, first + static_cast<std::ptrdiff_t>(found->second.count));
      return;
    }
    fresh_.clear();
    encode(fresh_);
    ids.insert(ids.end(), fresh_.begin(), fresh_.end());
    if (!keeps(word) || places_.size() == most) return;
    places_.emplace(std::string(word), Place{tokens_.size(), fresh_.size()});
    tokens_.insert(tokens_.end(), fresh_.begin(), fresh_.end());
  }

 private:
  // Limit the cache to about 64 MB.
  static constexpr std::size_t most = std::size_t{1} << 19, longest = 64;

  /// In tokens_.
  struct Place {
    std::size_t first = 0, count = 0;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view word) const { return std::hash<std::string_view>{}(word); }
  };
  std::unordered_map<std::string, Place, Hash, std::equal_to<>> places_;
  std::vector<std::int32_t> tokens_, fresh_;  // of the words at places_, and of one that is new
};

}}}  // namespace neutra::NEUTRA_ABI::data
