/// Command lines as text that a shell parses back.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/utf8.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

/// Quotes a word for a shell: unchanged if no character is special, otherwise in single quotes, and as $'...' (bash,
/// zsh, ksh, POSIX 2024) if it contains control characters or bytes that are not UTF-8, which become \345.
inline std::string shell_word(std::string_view word) {
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+:,./-";
  const auto equals = word.find('=');  // --share=0.1 needs no quotes, but zsh would look for a command called =x
  const bool bare = word.find_first_not_of(concat(plain, equals == 0 ? "" : "=")) == word.npos;
  if (!word.empty() && bare) return std::string(word);
  const bool printable = io::printable_whole(word) == word;
  std::string quoted = printable ? "'" : "$'";
  while (!word.empty()) {
    const std::size_t length = io::printable_length(word);
    const auto byte = static_cast<unsigned char>(word[0]);
    if (length == 0) {
      for (const int shift : {6, 3, 0}) quoted += concat(shift == 6 ? "\\" : "", (byte >> shift) & 7);
    } else if (word[0] == '\'') {
      quoted += printable ? "'\\''" : "\\'";
    } else if (word[0] == '\\' && !printable) {
      quoted += "\\\\";
    } else {
      quoted += word.substr(0, length);
    }
    word.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return quoted + "'";
}

/// The command line for the record, quoted so that it can be pasted into a shell:
/// as at the start of the run, without --resume.
inline std::string command_of(int argc, const char* const* argv) {
  std::string command;
  for (int i = 0; i < argc; ++i)
    if (std::string_view(argv[i]) != "--resume") command += concat(i ? " " : "", shell_word(argv[i]));
  return command;
}

}}}  // namespace neutra::NEUTRA_ABI::program
