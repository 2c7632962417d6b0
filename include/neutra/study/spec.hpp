/// The grammar of specs, methods as text such as    elu: residue(gate=elu, alpha=0.1)    What a spec means is found in
/// methods.hpp.
///     SPEC     [LABEL:] NAME[(SETTING=VALUE, ...)], or [LABEL:] list(MEMBER, ...), several adapters on one model
///     MEMBER   NAME[(SETTING=VALUE, ...)]
///     VALUE    a word; a policy with options, jump_relu(threshold=0.2); a wrapper, two_layer(relu, hidden=64);
///              a sweep, {0.1,0.2}: one method for each combination. A sweep of lr or alpha is what one method tries.
#pragma once

#include "neutra/study/term.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

namespace detail {

/// Reads the words and signs of a spec from left to right.
class SpecScanner {
 public:
  explicit SpecScanner(std::string_view text) : spec_{.text = std::string(text)} {}

 protected:
  char peek() const { return at_ < spec_.text.size() ? spec_.text[at_] : '\0'; }
  std::string next() const {
    return at_ < spec_.text.size() ? concat("'", io::printable(spec_.text.substr(at_), 10), "'")
                                   : std::string("the end");
  }
  static constexpr std::string_view spaces = " \t\r\n";  // a spec may be copied from text with line breaks
  void skip_spaces() {
    while (spaces.find(peek()) != spaces.npos) ++at_;
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
    while (at_ < spec_.text.size() && std::string_view("(){},=: \t\r\n").find(spec_.text[at_]) == spaces.npos) ++at_;
    if (at_ == first) spec_.fail_at(at_, what, " must stand here, got ", next());
    std::string read = spec_.text.substr(first, at_ - first);
    skip_spaces();
    return read;
  }
  /// The sign after the next word, which is not consumed: '=' if the word names a setting.
  char sign_after_word() {
    const std::size_t before = at_;
    if (peek() == '{') return '{';
    word("a setting or policy");
    const char found = peek();
    at_ = before;
    return found;
  }
  void close(char bracket, char opened, std::size_t open) {
    if (!take(bracket))
      spec_.fail_at(at_, "a comma or ", bracket, " must stand here, got ", next(), "; ", opened,
                    " was opened in column ", open + 1);
  }

  Spec spec_;
  std::size_t at_ = 0;
};

class SpecParser : SpecScanner {
 public:
  using SpecScanner::SpecScanner;

  Spec parse() {
    constexpr std::size_t longest = 4096;
    if (spec_.text.size() > longest) spec_.fail_at(longest, "a method must have at most ", longest, " bytes");
    if (const auto colon = spec_.text.find(':'); colon < spec_.text.find_first_of("({")) {
      const auto end = spec_.text.find_last_not_of(spaces, colon == 0 ? 0 : colon - 1);
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
  static constexpr std::size_t most_depth = 16;

  /// A word, or a name with arguments: a term for every combination of the sweeps in it. outermost: it is the method.
  std::vector<Term> value(std::size_t depth, bool outermost = false) {
    if (depth > most_depth) spec_.fail_at(at_, "brackets must not be nested deeper than ", most_depth, " levels");
    skip_spaces();
    const std::size_t start = at_;
    std::vector<Term> all(1);
    all.front().name = word(outermost ? "the name of a method" : "a value");
    all.front().start = start;
    const std::size_t open = at_;
    if (!take('(') || take(')')) return all;
    const bool list = all.front().name == "list";  // adapter::List
    std::size_t unnamed = 0;
    do {
      const std::size_t at = at_;
      if ((outermost && !list) || sign_after_word() == '=')
        argument(all, depth, outermost, at);
      else if (list)
        all = combine(spec_, all, alternatives(depth + 1), concat(unnamed++), at);
      else if (unnamed++ == 0)
        all = combine(spec_, all, alternatives(depth + 1), "", at);
      else
        spec_.fail_at(at, "a wrapper takes one policy, and options as NAME=VALUE");
    } while (take(','));
    close(')', '(', open);
    return all;
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
      all = combine(spec_, all, values, key, from);
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

  /// A value, or the values of a sweep.
  std::vector<Term> alternatives(std::size_t depth) {
    const std::size_t open = at_;
    if (!take('{')) return value(depth);
    std::vector<Term> all;
    do {
      for (Term& one : value(depth + 1)) all.push_back(std::move(one));
      check_sweep(spec_, all.size(), open);
    } while (take(','));
    close('}', '{', open);
    return all;
  }
};

}  // namespace detail

/// Error: text that is not a spec, with the column in which it goes wrong.
inline Spec parse_spec(std::string_view text) { return detail::SpecParser(text).parse(); }

}}}  // namespace neutra::NEUTRA_ABI::study
