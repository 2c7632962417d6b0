/// The merge loop of byte-pair encoding.
#pragma once

#include "neutra/core/config.hpp"

#include <cstddef>
#include <cstdint>
#include <queue>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// Merges of pairs of tokens, by rank. Repeats, as long as there is one: among adjacent pairs takes the one of the
/// lowest rank, leftmost on ties, and joins it.      Sennrich, Haddow & Birch 2016, arXiv 1508.07909
class BpeMerges {
 public:
  void reserve(std::size_t count) { merges_.reserve(count); }
  /// Ranks rise with each call. A repeated pair takes its last rank, as in the tokenizers library.
  void add(std::int32_t left, std::int32_t right, std::int32_t joined) {
    merges_[key(left, right)] = {next_rank_++, joined};
  }

  /// Applies the merges to the tokens of a word, in place. n log n in their number.
  void apply(std::vector<std::int32_t>& tokens) const {
    std::vector<Link> links(tokens.size());
    std::priority_queue<Candidate, std::vector<Candidate>, Later> waiting;
    const auto consider = [&](std::size_t left) {
      const std::size_t right = links[left].next;
      if (right == none) return;
      const auto pair = key(tokens[left], tokens[right]);
      if (const auto found = merges_.find(pair); found != merges_.end())
        waiting.push({found->second.rank, left, pair, found->second.joined});
    };
    for (std::size_t k = 0; k < tokens.size(); ++k)
      links[k] = {k == 0 ? none : k - 1, k + 1 == tokens.size() ? none : k + 1};
    for (std::size_t k = 0; k < tokens.size(); ++k) consider(k);
    while (!waiting.empty()) {
      const Candidate best = waiting.top();
      waiting.pop();
      const std::size_t left = best.left, right = links[left].next;
      // Overtaken by a merge of one of its tokens. A token that was joined to its left neighbour is gone.
      if (right == none || tokens[left] == gone || key(tokens[left], tokens[right]) != best.pair) continue;
      tokens[left] = best.joined;
      tokens[right] = gone;
      links[left].next = links[right].next;
      if (links[left].next != none) links[links[left].next].previous = left;
      consider(left);
      if (links[left].previous != none) consider(links[left].previous);
    }
    std::erase(tokens, gone);
  }

 private:
  struct Merge {
    std::int32_t rank = 0, joined = 0;
  };
  struct Link {
    std::size_t previous, next;
  };
  struct Candidate {
    std::int32_t rank;
    std::size_t left;
    std::uint64_t pair;
    std::int32_t joined;
  };
  struct Later {
    bool operator()(const Candidate& a, const Candidate& b) const {
      return std::tie(a.rank, a.left) > std::tie(b.rank, b.left);
    }
  };
  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  static constexpr std::int32_t gone = -1;

  static std::uint64_t key(std::int32_t left, std::int32_t right) {
    return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
  }

  std::unordered_map<std::uint64_t, Merge> merges_;
  std::int32_t next_rank_ = 0;
};

}}}  // namespace neutra::NEUTRA_ABI::data
