/// Settings by name: what an adapter says of itself, flat and typed, so that it can be written to any file, compared,
/// and read back.
///
/// The option of a policy is named after the setting that holds the policy:
///     {"gate", "jump_relu"}, {"gate.threshold", 0.2}, {"capacity", 0.1}
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"

#include <cmath>
#include <concepts>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace neutra { inline namespace NEUTRA_ABI {

using Setting = std::variant<bool, Index, double, std::string>;
using Settings = std::map<std::string, Setting>;

/// "0.1", "true", "relu"; a number that is one of float is written with the digits that float has.
inline std::string text_of(const Setting& setting) {
  if (const double* number = std::get_if<double>(&setting))
    if (const auto narrow = static_cast<float>(*number); static_cast<double>(narrow) == *number) return concat(narrow);
  return std::visit([](const auto& value) { return concat(value); }, setting);
}

/// Its number; empty if it is none.
inline std::optional<double> number_of(const Setting& setting) {
  if (const Index* whole = std::get_if<Index>(&setting)) return static_cast<double>(*whole);
  const double* number = std::get_if<double>(&setting);
  return number ? std::optional(*number) : std::nullopt;
}

/// A setting that cannot be used. The message is the key and the rule; who knows where the setting was written puts the
/// place in front.
class SettingError : public Error {
 public:
  SettingError(std::string key, const std::string& rule) : Error(key + rule), key_(std::move(key)), rule_(rule) {}
  const std::string& key() const { return key_; }
  /// The message without the key, as in " must be a number, got 'x'".
  const std::string& rule() const { return rule_; }

 private:
  std::string key_, rule_;
};

/// Reads a number, a text or a truth value. Error (SettingError): another type; a number that the member cannot hold.
template <class T> void read_setting(const std::string& key, const Setting& setting, T& member) {
  const auto refuse = [&](std::string_view rule) {
    throw SettingError(key, concat(" must be ", rule, ", got '", text_of(setting), "'"));
  };
  if constexpr (std::same_as<T, bool> || std::same_as<T, std::string>) {
    const T* value = std::get_if<T>(&setting);
    if (!value) refuse(std::same_as<T, bool> ? "true or false" : "a text");
    member = *value;
  } else {
    static_assert(std::is_arithmetic_v<T>,
                  "neutra: a setting of this type cannot be read; write  void read_setting(const std::string& key, "
                  "const neutra::Setting& setting, Mine& member);  and  neutra::Setting setting_of(const Mine& member);"
                  "  beside the type");
    const bool whole = std::holds_alternative<Index>(setting);
    if (!whole && !std::holds_alternative<double>(setting)) refuse(std::integral<T> ? "a whole number" : "a number");
    const double value = whole ? static_cast<double>(std::get<Index>(setting)) : std::get<double>(setting);
    if constexpr (std::integral<T>) {
      const bool fits =
          std::abs(value) < 0x1p31 && value == std::floor(value) && (std::signed_integral<T> || value >= 0);
      if (!fits) refuse("a whole number below 2^31");
    } else if (!(std::abs(value) <= static_cast<double>(std::numeric_limits<T>::max()))) {
      refuse("a finite number");
    }
    member = static_cast<T>(value);
  }
}

/// The setting that a member is. For types of one's own a function of this name beside the type is found.
template <class T>
requires(std::is_arithmetic_v<T> || std::convertible_to<const T&, std::string>) Setting setting_of(const T& member) {
  if constexpr (std::same_as<T, bool>)
    return member;
  else if constexpr (std::integral<T>)
    return static_cast<Index>(member);
  else if constexpr (std::floating_point<T>)
    return static_cast<double>(member);
  else
    return std::string(member);
}

}}  // namespace neutra::NEUTRA_ABI
