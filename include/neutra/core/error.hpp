/// The one exception of the library, and the two functions that throw it.
#pragma once

#include "neutra/core/config.hpp"

#include <charconv>
#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI {

/// Thrown for everything a caller can get wrong. The text says what was asked, the rule that was broken, what was
/// received, and what to do:
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
    text += to_string(part);  // found beside the type, as for Shape
  }
}

}  // namespace detail

/// The parts one after another: strings, numbers (shortest form that reads back equal), and types with a to_string
/// beside them.
template <class... Parts> std::string concat(const Parts&... parts) {
  std::string text;
  (detail::append(text, parts), ...);
  return text;
}

/// Throws Error with the parts as its text.
template <class... Parts> [[noreturn]] void fail(const Parts&... parts) { throw Error(concat(parts...)); }

/// Throws Error with the parts as its text unless the rule holds; the text is only put together then.
template <class... Parts> void require(bool holds, const Parts&... parts) {
  if (!holds) [[unlikely]]
    fail(parts...);
}

}}  // namespace neutra::NEUTRA_ABI
