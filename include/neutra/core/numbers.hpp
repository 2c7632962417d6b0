/// Number formatting for people (tables, pictures, the progress line), independent of the locale.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

namespace neutra { inline namespace NEUTRA_ABI {

/// The value with `digits` digits after the point; never "-0.000".
inline std::string fixed(double value, int digits) {
  char text[512];  // the largest double has 309 digits before the point
  const auto write = [&](double number) {
    return std::string(text, std::to_chars(text, text + sizeof text, number, std::chars_format::fixed, digits).ptr);
  };
  const std::string plain = write(value);
  return plain.find_first_not_of("-0.") == plain.npos ? write(0) : plain;
}

/// Three significant digits and a unit: "950", "12.5k", "601k", "3.00M".
inline std::string short_count(double value) {
  constexpr std::array<const char*, 5> units{"", "k", "M", "G", "T"};
  if (value < 0) return "-" + short_count(-value);
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  const int digits = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return fixed(value, digits) + units[unit];
}

/// A share in percent: "69.4 %" as "69". Any other share that would round to 0 or 100 keeps a digit, because a gate
/// that is open for no token at all is a finding.
inline std::string percent(double share) {
  const double value = 100 * share;
  const bool blurred = (value > 0 && value < 0.5) || (value < 100 && value >= 99.5);
  return value > 0 && value < 0.05 ? "<0.1" : value < 100 && value >= 99.95 ? ">99.9" : fixed(value, blurred ? 1 : 0);
}

/// A learning rate in the usual notation: "2e-3", "1.5e-4", "0".
inline std::string rate(double value) {
  if (value == 0) return "0";
  char digits[64];
  std::string text(digits,
                   std::to_chars(digits, digits + sizeof digits, value, std::chars_format::scientific).ptr);  // "2e-03"
  const std::size_t exponent = text.find('e') + 2;
  text.erase(exponent, std::min(text.find_first_not_of('0', exponent), text.size() - 1) - exponent);
  if (text[exponent - 1] == '+') text.erase(exponent - 1, 1);
  return text;
}

/// Seconds as "0:07", "12:34" or "1:02:03".
inline std::string clock_time(double seconds) {
  const auto whole = static_cast<Index>(std::llround(std::fmin(std::fmax(seconds, 0), 3.6e9)));
  const auto two = [](Index n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  const Index minutes = whole / 60;
  return minutes < 60 ? concat(minutes, ':', two(whole % 60))
                      : concat(minutes / 60, ':', two(minutes % 60), ':', two(whole % 60));
}

}}  // namespace neutra::NEUTRA_ABI
