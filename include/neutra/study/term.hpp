/// The contents of a spec, not yet interpreted: names and settings, one Term for each combination of a sweep.
#pragma once

#include "neutra/core/settings.hpp"
#include "neutra/io/utf8.hpp"

#include <charconv>
#include <cmath>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// One combination of a sweep.
struct Term {
  std::string name{};
  std::size_t start = 0;  // the position of its name in the text, counted from 0
  Settings settings{};    // flat, as an adapter's: two_layer(relu, hidden=64) is two_layer_relu with .hidden
  std::map<std::string, std::size_t> at{};  // the position of each, counted from 0
  std::vector<double> rates{}, alphas{};    // lr and alpha, if given
};

/// label: empty if none was given.
struct Spec {
  std::string text{}, label{};
  std::vector<Term> terms{};

  /// Throws an Error at a position of the text.
  template <class... Parts> [[noreturn]] void fail_at(std::size_t at, const Parts&... parts) const {
    fail("--method '", io::printable(text), "': column ", at + 1, ": ", parts...);
  }
};

namespace detail {

/// A word as a setting: a number, true or false, or a text.
inline Setting setting_of_word(const std::string& word) {
  if (word == "true" || word == "false") return word == "true";
  const char *first = word.data(), *last = first + word.size();
  const bool numeric = !word.empty() && (word[0] == '-' || word[0] == '.' || (word[0] >= '0' && word[0] <= '9'));
  Index whole = 0;
  double number = 0;
  if (const auto end = std::from_chars(first, last, whole); numeric && end.ec == std::errc{} && end.ptr == last)
    return whole;
  if (const auto end = std::from_chars(first, last, number);
      numeric && end.ec == std::errc{} && end.ptr == last && std::isfinite(number))
    return number;
  return word;
}

/// Error: a sweep that makes too many methods.
inline void check_sweep(const Spec& spec, std::size_t methods, std::size_t at) {
  constexpr std::size_t most = 1000;
  if (methods > most) spec.fail_at(at, "a sweep must make at most ", most, " methods");
}

/// Adds a value to a term: as the setting `key`, or, if the key is empty, as what the term wraps. at: its position in
/// the text.
inline void put_value(const Spec& spec, Term& term, const Term& value, const std::string& key, std::size_t at) {
  const auto put = [&](const std::string& name, const Setting& setting, std::size_t place) {
    if (!term.settings.emplace(name, setting).second) spec.fail_at(at, io::printable(name), " must be given once");
    term.at[name] = place;
  };
  const std::string prefix = key.empty() ? "" : key + ".";
  if (key.empty())
    term.name += "_" + value.name;
  else
    put(key, setting_of_word(value.name), at);
  for (const auto& [option, setting] : value.settings) put(prefix + option, setting, value.at.at(option));
}

/// Every term with every value; see put_value.
inline std::vector<Term> combine(const Spec& spec, const std::vector<Term>& terms, const std::vector<Term>& values,
                                 const std::string& key, std::size_t at) {
  check_sweep(spec, terms.size() * values.size(), at);
  std::vector<Term> combined;
  for (const Term& term : terms)
    for (const Term& value : values) put_value(spec, combined.emplace_back(term), value, key, at);
  return combined;
}

}  // namespace detail

}}}  // namespace neutra::NEUTRA_ABI::study
