/// Names of composed policies, concatenated at compile time.
#pragma once

#include "neutra/core/config.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI {

namespace detail {
template <const std::string_view&... Parts> struct JoinedName {
  static constexpr auto letters = [] {
    std::array<char, (Parts.size() + ... + 0)> all{};
    auto* at = all.data();
    ((at = std::copy(Parts.begin(), Parts.end(), at)), ...);
    return all;
  }();
  static constexpr std::string_view value{letters.data(), letters.size()};
};
}  // namespace detail

/// The concatenation of its parts:   static constexpr std::string_view name = joined_name<prefix, G::name>;
template <const std::string_view&... Parts>
inline constexpr std::string_view joined_name = detail::JoinedName<Parts...>::value;

}}  // namespace neutra::NEUTRA_ABI
