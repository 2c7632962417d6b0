/// Methods as text, such as    elu: residue(gate=elu, alpha=0.1)    to what the text says; what it means is found in
/// methods.hpp.
///     SPEC     [LABEL:] NAME[(SETTING=VALUE, ...)]
///     VALUE    a word; a policy with options, jump_relu(threshold=0.2); a wrapper, two_layer(relu, hidden=64);
///              a sweep, {0.1,0.2}: one method for each combination. Of lr and alpha a sweep is what one method tries.
#pragma once

#include "neutra/core/settings.hpp"
#include "neutra/io/utf8.hpp"

#include <charconv>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// One combination of a sweep.
struct Term {
  std::string name{};
  std::size_t start = 0;  // where its name was written, counted from 0
  Settings settings{};    // flat, as an adapter's: two_layer(relu, hidden=64) is two_layer_relu with .hidden
  std::map<std::string, std::size_t> at{};  // where each was written, counted from 0
  std::vector<double> rates{}, alphas{};    // lr and alpha, where they were given
};

/// label: empty where none was given.
struct Spec {
  std::string text{}, label{};
  std::vector<Term> terms{};

  /// Error: what is wrong at a place of the text.
  template <class... Parts> [[noreturn]] void fail_at(std::size_t at, const Parts&... parts) const {
    fail("--method '", io::printable(text), "': column ", at + 1, ": ", parts...);
  }
};

namespace detail {

/// A word as the setting it is: a number, true or false, or a text.
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

class SpecParser {
 public:
  explicit SpecParser(std::string_view text) : spec_{.text = std::string(text)} {}

  Spec parse() {
    constexpr std::size_t longest = 4096;
    if (spec_.text.size() > longest) spec_.fail_at(longest, "a method must be told in at most ", longest, " bytes");
    if (const auto colon = spec_.text.find(':'); colon < spec_.text.find_first_of("({")) {
      const auto end = spec_.text.find_last_not_of(" \t", colon == 0 ? 0 : colon - 1);
      skip_spaces();
      if (at_ >= colon) spec_.fail_at(0, "a label must stand before the colon");
      spec_.label = spec_.text.substr(at_, end + 1 - at_);
      at_ = colon + 1;
    }
    spec_.terms = value(0, true);
    if (at_ < spec_.text.size()) spec_.fail_at(at_, "nothing may follow the method, got ", next());
    return std::move(spec_);
  }

 private:
  static constexpr std::size_t most_methods = 1000, most_depth = 16;

  char peek() const { return at_ < spec_.text.size() ? spec_.text[at_] : '\0'; }
  std::string next() const {
    return at_ < spec_.text.size() ? concat("'", io::printable(spec_.text.substr(at_), 10), "'")
                                   : std::string("the end");
  }
  void skip_spaces() {
    while (peek() == ' ' || peek() == '\t') ++at_;
  }
  bool take(char c) {
    skip_spaces();
    if (peek() != c) return false;
    ++at_;
    skip_spaces();
    return true;
  }
  std::string word(std::string_view what) {
    skip_spaces();
    const std::size_t first = at_;
    while (at_ < spec_.text.size() && std::string_view("(){},=: \t").find(spec_.text[at_]) == std::string_view::npos)
      ++at_;
    if (at_ == first) spec_.fail_at(at_, what, " must stand here, got ", next());
    std::string read = spec_.text.substr(first, at_ - first);
    skip_spaces();
    return read;
  }

  /// A value: a word, or a name with arguments; every combination of the sweeps in it. outermost: it is the method.
  std::vector<Term> value(std::size_t depth, bool outermost = false) {
    if (depth > most_depth) spec_.fail_at(at_, "brackets must not be nested deeper than ", most_depth, " levels");
    skip_spaces();
    const std::size_t start = at_;
    std::vector<Term> all(1);
    all.front().name = word(outermost ? "the name of a method" : "a value");
    all.front().start = start;
    const std::size_t open = at_;
    if (!take('(')) return all;
    if (take(')')) return all;
    bool wraps = false;
    do {
      const std::size_t at = at_;
      const bool inner = !outermost && at_after_word() != '=';
      if (inner && wraps) spec_.fail_at(at, "a wrapper takes one policy, and options as NAME=VALUE");
      if (inner)
        all = combine(all, alternatives(depth + 1), "", at);
      else
        argument(all, depth, outermost, at);
      wraps |= inner;
    } while (take(','));
    if (!take(')'))
      spec_.fail_at(at_, "a comma or ) must stand here, got ", next(), "; ( was opened in column ", open + 1);
    return all;
  }

  char at_after_word() {
    const std::size_t before = at_;
    if (peek() == '{') return '{';
    word("a setting or policy");
    const char found = peek();
    at_ = before;
    return found;
  }

  void argument(std::vector<Term>& all, std::size_t depth, bool outermost, std::size_t at) {
    const std::string key = word("a setting");
    if (!take('=')) spec_.fail_at(at, "a setting is written ", io::printable(key), "=VALUE");
    if (all.front().settings.contains(key) || (outermost && !numbers_of(key, all.front()).empty()))
      spec_.fail_at(at, io::printable(key), " must be given once");
    const std::size_t from = at_;
    const auto values = alternatives(depth + 1);
    if (outermost && (key == "lr" || key == "alpha")) {
      std::vector<double> numbers;
      for (const Term& one : values) numbers.push_back(number(one, key, from));
      for (Term& term : all) (key == "lr" ? term.rates : term.alphas) = numbers;
    } else {
      all = combine(all, values, key, from);
    }
  }
  static const std::vector<double>& numbers_of(const std::string& key, const Term& term) {
    static const std::vector<double> none;
    return key == "lr" ? term.rates : key == "alpha" ? term.alphas : none;
  }
  double number(const Term& value, const std::string& key, std::size_t at) const {
    double read = 0;
    try {
      read_setting(key, setting_of_word(value.name), read);
    } catch (const SettingError& error) {
      spec_.fail_at(at, error.what());
    }
    if (!value.settings.empty()) spec_.fail_at(at, key, " must be a number");
    return read;
  }

  std::vector<Term> alternatives(std::size_t depth) {
    const std::size_t open = at_;
    if (!take('{')) return value(depth);
    std::vector<Term> all;
    do {
      for (Term& one : value(depth + 1)) all.push_back(std::move(one));
      check_count(all.size(), open);
    } while (take(','));
    if (!take('}'))
      spec_.fail_at(at_, "a comma or } must stand here, got ", next(), "; { was opened in column ", open + 1);
    return all;
  }
  void check_count(std::size_t count, std::size_t at) const {
    if (count > most_methods) spec_.fail_at(at, "a sweep must make at most ", most_methods, " methods");
  }

  /// Every one of `all` with every one of `values`: as its setting `key`, or as what it wraps where there is no key.
  std::vector<Term> combine(const std::vector<Term>& all, const std::vector<Term>& values, const std::string& key,
                            std::size_t at) const {
    check_count(all.size() * values.size(), at);
    std::vector<Term> combined;
    for (const Term& one : all)
      for (const Term& value : values) {
        Term& term = combined.emplace_back(one);
        const std::string prefix = key.empty() ? "" : key + ".";
        if (key.empty()) {
          term.name += "_" + value.name;
        } else {
          term.settings[key] = setting_of_word(value.name);
          term.at[key] = at;
        }
        for (const auto& [option, setting] : value.settings) {
          if (!term.settings.emplace(prefix + option, setting).second)
            spec_.fail_at(at, io::printable(option), " must be given once");
          term.at[prefix + option] = value.at.at(option);
        }
      }
    return combined;
  }

  Spec spec_;
  std::size_t at_ = 0;
};

}  // namespace detail

/// Error: what is no method, by the column in which it goes wrong.
inline Spec parse_spec(std::string_view text) { return detail::SpecParser(text).parse(); }

}}}  // namespace neutra::NEUTRA_ABI::study
