/// Multiple-choice questions, and what is shared by the ways to make them from text.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/random.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/data/utf8.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// A context, and endings of which one continues it.
struct MultipleChoice {
  std::string context;
  std::vector<std::string> endings;
  Index label = 0;  // the right ending, counted from 0
  Index line = 0;   // in its file, counted from 1; 0: of no file
};

/// How questions are made from text. The same options and text give the same questions.
struct QuestionOptions {
  Index questions = 1000;
  std::uint64_t seed = 1;
  // In running text:
  Index context_bytes = 300;  // at most, and at least ending_bytes
  Index ending_bytes = 60;    // at least, and on to the end of the word, or of the sentence or line if near
};

namespace detail {

/// The number of wrong endings, as in HellaSwag.
inline constexpr std::size_t wrong_endings = 3;

/// Draws of one question: number `draw` of question `question`.
struct QuestionDraws {
  Philox random;
  std::uint64_t question = 0, draw = 0;

  std::size_t below(std::size_t size) {
    return static_cast<std::size_t>(random.uniform(question, draw++) * static_cast<double>(size));
  }
};

/// The question, with the right ending at a random place among the wrong ones.
inline MultipleChoice arranged(std::string context, std::string right, std::vector<std::string> wrong,
                               QuestionDraws& draws) {
  const auto label = draws.below(wrong.size() + 1);
  wrong.insert(wrong.begin() + static_cast<std::ptrdiff_t>(label), std::move(right));
  return {std::move(context), std::move(wrong), static_cast<Index>(label)};
}

inline void check_utf8(std::string_view text) {
  const auto at = find_invalid_utf8(text);
  require(!at, "questions: the text must be UTF-8, got another byte at ", at.value_or(0),
          "; convert it, for example with iconv");
}

}  // namespace detail

}}}  // namespace neutra::NEUTRA_ABI::data
