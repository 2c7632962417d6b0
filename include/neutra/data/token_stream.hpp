/// The tokens of a text, in memory or in a file.
#pragma once

#include "neutra/core/scalar.hpp"
#include "neutra/data/run.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// The token ids of a text in order, and the runs of those that are not scored. Copies share both.
class TokenStream {
 public:
  /// Ids in memory that the stream owns.
  explicit TokenStream(std::vector<std::int32_t> ids, Runs unscored = {})
      : unscored_(std::make_shared<const Runs>(std::move(unscored))) {
    auto owned = std::make_shared<const std::vector<std::int32_t>>(std::move(ids));
    ids_ = std::span<const std::int32_t>(*owned);
    owner_ = std::move(owned);
  }
  /// Ids of 2 or 4 bytes in memory that `owner` keeps, such as that of a mapped file.
  template <class Id>
  TokenStream(std::shared_ptr<const void> owner, std::span<const Id> ids, Runs unscored)
      : owner_(std::move(owner)), ids_(ids), unscored_(std::make_shared<const Runs>(std::move(unscored))) {}

  std::size_t size() const {
    return std::visit([](auto ids) { return ids.size(); }, ids_);
  }
  const Runs& unscored() const { return *unscored_; }
  /// The number of tokens first .. first + count - 1 that are not scored.
  std::size_t unscored_in(std::size_t first, std::size_t count) const {
    return size_within(*unscored_, first, first + count);
  }

  std::int32_t operator[](std::size_t position) const {
    return std::visit([&](auto ids) { return static_cast<std::int32_t>(ids[position]); }, ids_);
  }
  void copy(std::size_t first, std::size_t count, std::int32_t* into) const {
    std::visit([&](auto ids) { std::copy_n(ids.begin() + static_cast<std::ptrdiff_t>(first), count, into); }, ids_);
  }
  /// The position of the first id outside 0 .. vocab - 1; size() if there is none.
  std::size_t first_outside(Index vocab) const {
    return std::visit(
        [&](auto ids) {
          const auto found = std::find_if(ids.begin(), ids.end(), [&](Index id) { return id < 0 || id >= vocab; });
          return static_cast<std::size_t>(found - ids.begin());
        },
        ids_);
  }

 private:
  std::shared_ptr<const void> owner_;
  std::variant<std::span<const std::int32_t>, std::span<const std::uint16_t>> ids_;
  std::shared_ptr<const Runs> unscored_;
};

}}}  // namespace neutra::NEUTRA_ABI::data
