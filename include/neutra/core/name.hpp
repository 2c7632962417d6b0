/// Names of composed policies, concatenated at compile time.
#pragma once

#include "neutra/core/config.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI {

namespace detail {
template <class... Parts> struct JoinedName {
  static constexpr auto letters = [] {
    std::array<char, (Parts::name.size() + ... + 0)> all{};
    auto* at = all.data();
    ((at = std::copy(Parts::name.begin(), Parts::name.end(), at)), ...);
    return all;
  }();
  static constexpr std::string_view value{letters.data(), letters.size()};
};
}  // namespace detail

/// The concatenated names of types:   static constexpr std::string_view name = joined_name<Prefix, G>;
template <class... Parts> inline constexpr std::string_view joined_name = detail::JoinedName<Parts...>::value;

}}  // namespace neutra::NEUTRA_ABI
