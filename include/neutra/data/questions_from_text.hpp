/// Multiple-choice questions from running text, so that every language has some.
#pragma once

#include "neutra/data/multiple_choice.hpp"
#include "neutra/data/split.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

namespace detail {

/// A stretch of one line, cut into a context and its ending.
struct Passage {
  std::string_view context, ending;
};

/// The passage whose ending begins at the first sentence or word after `at` and ends with a word, a sentence or, if
/// that is near, the line. Empty if the line has too little text before or after. Only the neighbourhood of `at` is
/// read, however long the line is.
inline std::optional<Passage> passage_at(std::string_view text, std::size_t at, const QuestionOptions& options) {
  if (at >= text.size()) return std::nullopt;
  constexpr std::size_t slack = 40;  // bytes within which a sentence or word should end
  const auto context = static_cast<std::size_t>(options.context_bytes),
             ending = static_cast<std::size_t>(options.ending_bytes);
  const std::string_view before = text.substr(at - std::min(at, context + slack), std::min(at, context + slack)),
                         after = text.substr(at, ending + 2 * slack);
  const std::size_t begin = at - (before.size() - (before.rfind('\n') + 1));  // npos + 1 is 0
  const std::string_view line = text.substr(begin, at - begin + std::min(after.find('\n'), after.size() - 1) + 1);
  const auto cut_within = [&](std::size_t from) { return best_cut(line, from, std::min(from + slack, line.size())); };
  const std::size_t cut = cut_within(at - begin);
  if (cut < ending || cut + ending > line.size()) return std::nullopt;
  const std::size_t end = std::min(cut_within(cut + ending), line.size()),
                    start = cut > context ? cut_within(cut - context) : 0;
  std::string_view last = line.substr(cut, end - cut);
  last = last.substr(0, last.find_last_not_of(" \t\r\n") + 1);
  if (last.size() < ending / 2 || start >= cut) return std::nullopt;
  return Passage{line.substr(start, cut - start), last};
}

}  // namespace detail

/// Questions from running text: a passage of one line as context, its continuation, and three passages from elsewhere,
/// cut in the same way, so that neither length nor form tells which ending is right.
/// Error: a text that is not UTF-8; one with too few lines that are long enough.
inline std::vector<MultipleChoice> questions_from_text(std::string_view text, const QuestionOptions& options) {
  detail::check_utf8(text);
  require(options.questions > 0 && options.ending_bytes > 0 && options.context_bytes >= options.ending_bytes,
          "questions from text: there must be questions, and contexts no shorter than endings, got ", options.questions,
          " questions with contexts of ", options.context_bytes, " and endings of ", options.ending_bytes, " bytes");
  std::vector<MultipleChoice> made;
  std::set<const char*> used;  // where an ending begins that was asked for
  for (Index question = 0; question < options.questions; ++question) {
    detail::QuestionDraws draws{Philox(options.seed, "questions from text"), static_cast<std::uint64_t>(question)};
    const auto draw = [&](const auto& accepts) {
      for (int attempt = 0; attempt < 1000; ++attempt)
        if (const auto passage = detail::passage_at(text, draws.below(text.size()), options);
            passage && accepts(*passage))
          return *passage;
      fail("questions from text: ", options.questions, " questions need more text with lines of at least ",
           2 * options.ending_bytes, " bytes, got enough for ", question, "; ask for fewer or shorter ones");
    };
    const auto right = draw([&](const detail::Passage& p) { return used.insert(p.ending.data()).second; });
    std::vector<std::string> wrong;
    while (wrong.size() < detail::wrong_endings) {
      const auto other = draw([&](const detail::Passage& p) {
        const bool apart = p.ending.data() >= right.ending.data() + right.ending.size() ||
                           p.ending.data() + p.ending.size() <= right.context.data();
        return apart && p.ending != right.ending && std::count(wrong.begin(), wrong.end(), p.ending) == 0;
      });
      wrong.emplace_back(other.ending);
    }
    made.push_back(detail::arranged(std::string(right.context), std::string(right.ending), std::move(wrong), draws));
  }
  return made;
}

}}}  // namespace neutra::NEUTRA_ABI::data
