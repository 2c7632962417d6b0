/// Multiple-choice questions as JSON lines, to which the common benchmarks convert:
///     {"context": "The sky is", "endings": [" blue.", " a fish.", " seven.", " of wood."], "label": 0}
#pragma once

#include "neutra/data/multiple_choice.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/output_file.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// Limits of a file of questions, and thereby of the memory that reading it takes. The largest of the common
/// benchmarks, HellaSwag's training set, has 47 MB and 40,000 questions.
inline constexpr std::uint64_t max_question_bytes = 256'000'000;
inline constexpr std::size_t max_questions = 1'000'000, max_endings = 64;

namespace detail {

/// The question on one line. `where` opens each message. Other keys, such as an id, are ignored.
inline data::MultipleChoice question_of(std::string_view text, const std::string& where) {
  const io::Json json = io::parse(text, where);
  const io::Reader read(json, where);
  data::MultipleChoice question{.context = read.text("context"), .endings = read.texts("endings")};
  const std::size_t count = question.endings.size();
  require(count >= 2 && count <= max_endings, where, ": endings must be 2 to ", max_endings, " strings, got ", count);
  for (std::size_t n = 0; n < count; ++n)
    require(!question.endings[n].empty(), where, ": endings must not be empty, got \"\" at position ", n,
            ", which has no probability to compare");
  question.label = read.integer("label", {}, 0, static_cast<Index>(count) - 1);
  return question;
}

}  // namespace detail

/// The questions of a file; empty lines are skipped. Error, by file and line: what is no question; by file: one that
/// is too large or has none.
inline std::vector<data::MultipleChoice> read_questions(const io::Path& path) {
  const std::string text = io::read_file(path, max_question_bytes), name = path.string();
  if (const FileFormat* other = neutra::other_format(text, FileKind::json))
    fail(name, ": must be JSON lines, got ", *other);
  std::vector<data::MultipleChoice> questions;
  Index line = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view here = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    ++line;
    if (here.find_first_not_of(" \t\r") == here.npos) continue;
    require(questions.size() < max_questions, name, ": must have at most ", max_questions, " questions, got more");
    questions.push_back(detail::question_of(here, concat(name, ", line ", line)));
    questions.back().line = line;
  }
  require(!questions.empty(), name, ": must have a question a line, got none");
  return questions;
}

/// Writes questions to a file, whole or not at all. Error: as io::OutputFile; text that is not UTF-8.
inline void write_questions(const io::Path& path, const std::vector<data::MultipleChoice>& questions) {
  io::OutputFile file(path);
  for (const data::MultipleChoice& question : questions) {
    const io::Json json = {{"context", question.context}, {"endings", question.endings}, {"label", question.label}};
    try {
      file.write(json.dump() + "\n");
    } catch (const io::Json::exception& error) {
      fail(path.string(), ": a question must be UTF-8, got ", io::printable(error.what(), 200));
    }
  }
  file.commit();
}

}}}  // namespace neutra::NEUTRA_ABI::train
