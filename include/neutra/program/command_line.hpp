/// Rules for the options of every program, with one message for each mistake.
#pragma once

#include "neutra/core/dtype.hpp"
#include "neutra/core/nearest.hpp"
#include "neutra/core/quantisation.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/study/option_checks.hpp"

#include <CLI/CLI.hpp>

#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

/// The forms of a model (see train::tokenizer_of), for help texts.
inline constexpr const char* about_models =
    "a Hugging Face folder of a model, a GGUF file, or a llama2.c file with its tokenizer.bin beside it";

/// Thrown if the command line asked only for help; what() is the help text.
class HelpAsked : public Error {
 public:
  using Error::Error;
};

/// "; write 0.8 with a point" if the text would be a number with a point instead of its comma; otherwise empty.
inline std::string decimal_comma(std::string text) {
  const auto comma = text.find(',');
  if (comma == text.npos) return {};
  text[comma] = '.';
  double value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  return end.ec == std::errc{} && end.ptr == text.data() + text.size() ? concat("; write ", text, " with a point")
                                                                       : std::string();
}

/// Parses a list such as "1e-3,2e-3". Error: an item that is not a number in plain decimal digits; the message names
/// the option. "0,001" counts as a decimal comma, because nobody writes 1 as 001 in a list.
inline std::vector<double> numbers_of(std::string_view list, std::string_view option) {
  std::vector<double> numbers;
  for (std::size_t first = 0; first <= list.size();) {
    const std::size_t comma = std::min(list.find(',', first), list.size());
    double value = 0;
    const auto item = list.substr(first, comma - first);
    const auto end = std::from_chars(item.data(), item.data() + item.size(), value);
    const bool leading_zero = item.size() > 1 && item[0] == '0' && item[1] >= '0' && item[1] <= '9';
    require(end.ec == std::errc{} && end.ptr == item.data() + item.size() && !leading_zero, "--", option,
            " must be a number or a list such as 1e-3,2e-3, got '", list, "'",
            leading_zero ? decimal_comma(std::string(list)) : "");
    numbers.push_back(value);
    first = comma + 1;
  }
  return numbers;
}

/// Adds --precision, a type that float may be rounded to, by its name.
inline void add_precision(CLI::App& app, DType& precision) {
  const auto parse = [&precision](const std::string& name) {
    if (name.empty()) return;  // refused with the empty values of other options
    study::detail::check_precision(name);
    precision = dtype_named(name);
  };
  app.add_option_function<std::string>(
         "--precision", parse,
         concat("matmul input precision: ", listed(storage_names<float>(), " or "), "; sums are float32"))
      ->default_str(std::string(to_string(precision)));
}

/// Adds --base-precision, a format of quantised weights, by its name.
inline void add_base_precision(CLI::App& app, Quantisation& format) {
  const auto parse = [&format](const std::string& name) {
    if (name.empty()) return;  // refused with the empty values of other options
    format = study::detail::quantisation_named(name);
  };
  app.add_option_function<std::string>(
         "--base-precision", parse,
         concat("quantisation of the frozen projections: ", listed(Quantisation::names(), " or "),
                "; in blocks of 32 inputs, adapters stay float32"))
      ->default_str(to_string(format));
}

namespace detail {

/// Error: an option that takes one value was given several times.
inline void check_once(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    const auto& values = option->results();
    if (values.size() < 2 || option->get_items_expected_max() != 1) continue;
    std::string given;
    for (std::size_t i = 0; i < values.size(); ++i)
      given += concat(i == 0 ? "" : i + 1 < values.size() ? ", " : " and ", values[i]);
    fail(option->get_name(), " was given ", values.size() == 2 ? "twice" : concat(values.size(), " times"), ": ", given,
         "; give it once");
  }
}

/// Rethrows a CLI11 error as an Error. An unknown option gets a suggestion.
[[noreturn]] inline void fail_parsing(const CLI::App& app, const CLI::ParseError& error) {
  check_once(app);
  if (dynamic_cast<const CLI::ExtrasError*>(&error)) {
    std::vector<std::string> known;
    for (const CLI::Option* option : app.get_options())
      for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
    const auto extras = app.remaining();
    const std::string first = extras.empty() ? "" : extras.front().substr(0, extras.front().find('='));
    require(first.starts_with('-'), "unexpected argument '", first,
            "': options begin with --, and a value with spaces needs quotes");
    fail("unknown option ", first, suggestion(first.starts_with("--") ? first : "-" + first, known),
         "; --help lists all");
  }
  fail(error.what(), "; --help lists all options");
}

/// Whether the whole text is one number in the range of T. CLI11 does not check this: it reads 010 as 8, 0x10 as 16,
/// and anything beyond 64 bits as the largest number.
template <class T> bool reads_as(const std::string& text) {
  T value{};
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  return end.ec == std::errc{} && end.ptr == text.data() + text.size() &&
         (std::floating_point<T> || concat(value) == text);
}

/// Rules for the values of all options. Error: an empty value; a number that is not in plain decimal digits.
inline void check_values(const CLI::App& app, std::string_view may_be_empty) {
  for (const CLI::Option* option : app.get_options())
    for (const std::string& value : option->results()) {
      const std::string name = option->get_name(), type = option->get_type_name();
      require(!value.empty() || name == may_be_empty, name, " must not be empty; give it a value or leave it out");
      const bool integer = type.starts_with("INT"), natural = type.starts_with("UINT");
      require(!integer || reads_as<Index>(value), name,
              " must be a whole number in plain decimal digits, within 64 bits, got ", value);
      require(!natural || reads_as<std::uint64_t>(value), name,
              " must be a whole number from 0 up in plain decimal digits, within 64 bits, got ", value);
      require(!type.starts_with("FLOAT") || reads_as<double>(value), name,
              " must be a number such as 0.1 or 1e-3, got ", value, decimal_comma(value));
    }
}

}  // namespace detail

/// Parses the command line. `may_be_empty` names the one option whose value may be empty. Errors: an unknown option,
/// with a suggestion; a value that is missing, empty, of the wrong type or out of range; HelpAsked.
inline void parse_command_line(CLI::App& app, int argc, const char* const* argv, std::string_view may_be_empty = {}) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    throw HelpAsked(app.help());
  } catch (const CLI::ParseError& error) {
    // Says what was expected, which CLI11 does not.
    if (dynamic_cast<const CLI::ConversionError*>(&error)) detail::check_values(app, may_be_empty);
    detail::fail_parsing(app, error);
  }
  detail::check_values(app, may_be_empty);
}

}}}  // namespace neutra::NEUTRA_ABI::program
