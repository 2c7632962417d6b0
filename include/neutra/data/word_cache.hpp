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
  /// Appends the tokens of a word to `ids`; fresh(word, ids) does so for a word that is not known.
  template <class Fresh> void append(std::string_view word, std::vector<std::int32_t>& ids, const Fresh& fresh) {
    if (const auto found = places_.find(word); found != places_.end()) {
      const auto first = tokens_.begin() + static_cast<std::ptrdiff_t>(found->second.first);
      ids.insert(ids.end(), first, first + static_cast<std::ptrdiff_t>(found->second.count));
      return;
    }
    const std::size_t before = ids.size();
    fresh(word, ids);
    if (word.size() > longest || places_.size() == most) return;
    places_.emplace(std::string(word), Place{tokens_.size(), ids.size() - before});
    tokens_.insert(tokens_.end(), ids.begin() + static_cast<std::ptrdiff_t>(before), ids.end());
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
  std::vector<std::int32_t> tokens_;
};

}}}  // namespace neutra::NEUTRA_ABI::data
