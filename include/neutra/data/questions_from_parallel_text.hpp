/// Multiple-choice questions from parallel text: which line translates this one?
#pragma once

#include "neutra/data/multiple_choice.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

namespace detail {

inline std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    lines.push_back(line.substr(0, line.find_last_not_of(" \t\r") + 1));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

/// Wrong endings for line `right`: others that are drawn, nearest in length.
inline std::vector<std::string> other_lines(const std::vector<std::string_view>& lines, std::size_t right,
                                            QuestionDraws& draws) {
  std::set<std::string_view> drawn;
  for (int attempt = 0; attempt < 1000 && drawn.size() < 16; ++attempt) drawn.insert(lines[draws.below(lines.size())]);
  drawn.erase(lines[right]);
  require(drawn.size() >= wrong_endings, "questions from parallel text: four different lines are needed, got ",
          drawn.size() + 1, "; give more text");
  std::vector<std::string_view> nearest(drawn.begin(), drawn.end());
  const auto distance = [&](std::string_view line) {
    return std::max(line.size(), lines[right].size()) - std::min(line.size(), lines[right].size());
  };
  std::stable_sort(nearest.begin(), nearest.end(),
                   [&](std::string_view a, std::string_view b) { return distance(a) < distance(b); });
  return {nearest.begin(), nearest.begin() + wrong_endings};
}

}  // namespace detail

/// Questions from parallel text, line n of one being the translation of line n of the other: a line as context, its
/// translation, and three other lines of that text. Of sixteen that are drawn, the three nearest in length are taken.
/// Lines that are empty in either text are left out. A translation may occur twice, as an ending it occurs once.
/// Error: as questions_from_text; texts with different numbers of lines.
inline std::vector<MultipleChoice> questions_from_parallel_text(std::string_view from, std::string_view to,
                                                                const QuestionOptions& options) {
  detail::check_utf8(from);
  detail::check_utf8(to);
  std::vector<std::string_view> sources = detail::lines_of(from), targets = detail::lines_of(to);
  require(sources.size() == targets.size(), "questions from parallel text: both texts must have the same lines, got ",
          sources.size(), " and ", targets.size(), "; align them, one line each");
  std::vector<std::string_view> context, ending;
  for (std::size_t n = 0; n < sources.size(); ++n)
    if (!sources[n].empty() && !targets[n].empty()) {
      context.push_back(sources[n]);
      ending.push_back(targets[n]);
    }
  require(options.questions > 0 && options.questions <= static_cast<Index>(context.size()),
          "questions from parallel text: a line gives one question, got ", options.questions, " questions and ",
          context.size(), " lines with text; ask for fewer");
  const Philox random(options.seed, "questions from parallel text");
  const Permutation order(static_cast<Index>(context.size()), random, 0);
  std::vector<MultipleChoice> made;
  for (Index question = 0; question < options.questions; ++question) {
    detail::QuestionDraws draws{random, static_cast<std::uint64_t>(question) + 1};
    const auto line = static_cast<std::size_t>(order(question));
    auto wrong = detail::other_lines(ending, line, draws);
    made.push_back(
        detail::arranged(std::string(context[line]) + "\n", std::string(ending[line]), std::move(wrong), draws));
  }
  return made;
}

}}}  // namespace neutra::NEUTRA_ABI::data
