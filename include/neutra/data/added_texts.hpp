/// Finds the texts of added tokens in a text.
#pragma once

#include "neutra/core/config.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// Texts that stand for one token each, found leftmost first, and the longest of those that begin at one place.
class AddedTexts {
 public:
  /// Not an empty text.
  void add(std::string text, std::int32_t id) {
    auto& lengths = lengths_[static_cast<unsigned char>(text.front())];
    if (std::find(lengths.begin(), lengths.end(), text.size()) == lengths.end()) lengths.push_back(text.size());
    std::sort(lengths.begin(), lengths.end(), std::greater<>());
    ids_.emplace(std::move(text), id);
  }

  /// Calls between(part) for what no text covers, unless it is empty, and found(id) for each text, in order.
  template <class Between, class Found> void split(std::string_view text, Between&& between, Found&& found) const {
    std::size_t start = 0;
    for (std::size_t at = 0; at < text.size() && !ids_.empty();) {
      const auto match = longest(text, at);
      if (match == ids_.end()) {
        ++at;
        continue;
      }
      if (at > start) between(text.substr(start, at - start));
      found(match->second);
      start = at += match->first.size();
    }
    if (start < text.size()) between(text.substr(start));
  }

 private:
  using Ids = std::map<std::string, std::int32_t, std::less<>>;

  Ids::const_iterator longest(std::string_view text, std::size_t at) const {
    for (const std::size_t length : lengths_[static_cast<unsigned char>(text[at])]) {
      if (length > text.size() - at) continue;
      if (const auto found = ids_.find(text.substr(at, length)); found != ids_.end()) return found;
    }
    return ids_.end();
  }

  Ids ids_;
  std::array<std::vector<std::size_t>, 256> lengths_;  // by first byte, in falling order
};

}}}  // namespace neutra::NEUTRA_ABI::data
