/// The library's only exception, and the two functions that throw it.
#pragma once

#include "neutra/core/config.hpp"

#include <charconv>
#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI {

/// Thrown for every user error. The text says what was asked, the rule that was broken, what was received,
/// and what to do:
///     rms_norm: w must be (C) with C = 64, got (32); x is (8,64)
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

template <class T> void append(std::string& text, const T& part) {
  if constexpr (std::convertible_to<const T&, std::string_view>) {
    text += std::string_view(part);
  } else if constexpr (std::same_as<T, char>) {
    text += part;
  } else if constexpr (std::same_as<T, bool>) {
    text += part ? "true" : "false";
  } else if constexpr (std::integral<T> || std::floating_point<T>) {
    char digits[64];
    const auto end = std::to_chars(digits, digits + sizeof digits, part).ptr;
    text.append(digits, end);
  } else {
    text += to_string(part);  // found by argument-dependent lookup, as for Shape
  }
}

}  // namespace detail

/// Concatenates the parts: strings, numbers (the shortest form that parses to the same value), and types with a
/// to_string in their namespace.
template <class... Parts> std::string concat(const Parts&... parts) {
  std::string text;
  (detail::append(text, parts), ...);
  return text;
}

/// Throws Error with the parts as its text.
template <class... Parts> [[noreturn]] void fail(const Parts&... parts) { throw Error(concat(parts...)); }

/// Throws Error with the parts as its text unless the rule holds. The text is built only on failure.
template <class... Parts> void require(bool holds, const Parts&... parts) {
  if (!holds) [[unlikely]]
    fail(parts...);
}

}}  // namespace neutra::NEUTRA_ABI
