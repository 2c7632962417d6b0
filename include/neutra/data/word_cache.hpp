/// Words that a tokenizer has encoded before.
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

/// The tokens of words encoded before. The words of one text share one cache.
class WordCache {
 public:
  /// Appends the tokens of a word, which `encode(tokens)` gives if the word is new.
  template <class Encode> void append(std::string_view word, std::vector<std::int32_t>& ids, Encode&& encode) {
    if (const auto found = seen_.find(word); found != seen_.end()) {
      for (std::size_t k = 0; k < found->second.count; ++k) ids.push_back(ids[found->second.first + k]);
      return;
    }
    tokens_.clear();
    encode(tokens_);
    if (word.size() <= longest && seen_.size() < most)
      seen_.emplace(std::string(word), Place{ids.size(), tokens_.size()});
    ids.insert(ids.end(), tokens_.begin(), tokens_.end());
  }

 private:
  /// The position in ids of the tokens of a word.
  struct Place {
    std::size_t first = 0, count = 0;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view word) const { return std::hash<std::string_view>{}(word); }
  };
  // Limit the cache to about 64 MB.
  static constexpr std::size_t most = std::size_t{1} << 19, longest = 64;

  std::vector<std::int32_t> tokens_;
  std::unordered_map<std::string, Place, Hash, std::equal_to<>> seen_;
};

}}}  // namespace neutra::NEUTRA_ABI::data
