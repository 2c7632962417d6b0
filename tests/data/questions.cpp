// Questions made from text: the right ending continues its context, the wrong ones are from elsewhere, and the seed
// decides all.
#include "neutra/data/questions_from_parallel_text.hpp"
#include "neutra/data/questions_from_text.hpp"

#include "tests/io/scratch.hpp"

#include <set>

using namespace neutra;
using data::MultipleChoice;

namespace {

/// Lines of numbered words: every passage occurs once.
std::string numbered(int lines, int words, const char* word = "ord") {
  std::string text;
  for (int line = 0; line < lines; ++line) {
    for (int n = 0; n < words; ++n) text += concat(n == 0 ? "" : " ", word, line, '_', n);
    text += '\n';
  }
  return text;
}

void check_form(const MultipleChoice& question) {
  REQUIRE(question.endings.size() == 4);
  CHECK((question.label >= 0 && question.label < 4));
  CHECK(std::set<std::string>(question.endings.begin(), question.endings.end()).size() == 4);
  CHECK_FALSE(question.context.empty());
  for (const std::string& ending : question.endings) CHECK_FALSE(ending.empty());
}

bool same(const std::vector<MultipleChoice>& a, const std::vector<MultipleChoice>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.context == y.context && x.endings == y.endings && x.label == y.label;
  });
}

}  // namespace

TEST_CASE("questions: in running text the right ending alone follows its context, and all are cut alike", "[data]") {
  const std::string text = numbered(60, 40);
  const data::QuestionOptions options{.questions = 100, .seed = 3, .context_bytes = 90, .ending_bytes = 30};
  const auto made = data::questions_from_text(text, options);
  REQUIRE(made.size() == 100);
  std::set<Index> labels;
  std::set<std::string> asked;
  for (const auto& question : made) {
    check_form(question);
    labels.insert(question.label);
    CHECK(asked.insert(question.endings[static_cast<std::size_t>(question.label)]).second);
    CHECK(question.context.find('\n') == std::string::npos);
    CHECK(question.context.size() <= 90);
    CHECK(question.context.starts_with("ord"));
    CHECK(question.context.ends_with(" "));
    for (Index n = 0; n < 4; ++n) {
      const std::string& ending = question.endings[static_cast<std::size_t>(n)];
      CHECK((text.find(question.context + ending) != std::string::npos) == (n == question.label));
      CHECK(text.find(ending) != std::string::npos);
      CHECK((ending.starts_with("ord") && ending.back() != ' ' && ending.find('\n') == std::string::npos));
      CHECK(text.find_first_of(" \n", text.find(ending) + ending.size()) == text.find(ending) + ending.size());
      CHECK((ending.size() >= 29 && ending.size() <= 80));
    }
  }
  CHECK(labels.size() == 4);
}

TEST_CASE("questions: the same seed gives the same ones, another gives others", "[data]") {
  const std::string text = numbered(60, 40), other = numbered(60, 40, "word");
  data::QuestionOptions options{.questions = 20, .seed = 3, .context_bytes = 90, .ending_bytes = 30};
  const auto first = data::questions_from_text(text, options);
  const auto parallel = data::questions_from_parallel_text(other, text, options);
  CHECK(same(first, data::questions_from_text(text, options)));
  CHECK(same(parallel, data::questions_from_parallel_text(other, text, options)));
  options.seed = 4;
  CHECK_FALSE(same(first, data::questions_from_text(text, options)));
  CHECK_FALSE(same(parallel, data::questions_from_parallel_text(other, text, options)));
}

TEST_CASE("questions: one long line, and a script without spaces, give questions of whole characters", "[data]") {
  std::string chinese;
  for (int n = 0; n < 2000; ++n) {
    const int point = 0x4e00 + static_cast<int>(Philox(1, "chinese").uniform(0, static_cast<std::uint64_t>(n)) * 5000);
    chinese += {static_cast<char>(0xe0 | point >> 12), static_cast<char>(0x80 | (point >> 6 & 63)),
                static_cast<char>(0x80 | (point & 63))};
  }
  for (const std::string& text : {numbered(1, 4000), chinese}) {
    const auto made = data::questions_from_text(text, {.questions = 50, .context_bytes = 100, .ending_bytes = 31});
    for (const auto& question : made) {
      check_form(question);
      CHECK_FALSE(data::find_invalid_utf8(question.context));
      for (const auto& ending : question.endings) CHECK_FALSE(data::find_invalid_utf8(ending));
      CHECK(text.find(question.context + question.endings[static_cast<std::size_t>(question.label)]) != text.npos);
    }
  }
}

TEST_CASE("questions: an ending begins with a sentence where one is near", "[data]") {
  std::string text;
  for (int n = 0; n < 300; ++n) text += concat("Sentence ", n, " is as short as this. ");
  int sentences = 0;
  for (const auto& question :
       data::questions_from_text(text, {.questions = 50, .context_bytes = 99, .ending_bytes = 30}))
    sentences += question.endings[static_cast<std::size_t>(question.label)].starts_with("Sentence ");
  CHECK(sentences == 50);
}

TEST_CASE("questions: in parallel text the endings are the translation and three other lines", "[data]") {
  std::string from, to;
  for (int n = 0; n < 50; ++n) {
    from += n == 7 ? "\n" : concat("line ", n, "\r\n");
    to += concat("linje ", n, n % 2 == 0 ? ", som er en meget laengere linje" : "", "\n");
  }
  const auto made = data::questions_from_parallel_text(from, to, {.questions = 49});
  std::set<std::string> contexts;
  for (const auto& question : made) {
    check_form(question);
    contexts.insert(question.context);
    const std::string number = question.context.substr(5, question.context.size() - 6);
    const std::string& right = question.endings[static_cast<std::size_t>(question.label)];
    CHECK((right + ",").starts_with(concat("linje ", number, ",")));
    const auto longer = [](const std::string& line) { return line.find(',') != line.npos; };
    for (const std::string& ending : question.endings) CHECK(longer(ending) == longer(right));  // nearest in length
  }
  CHECK(contexts.size() == 49);  // the empty line is left out
}

TEST_CASE("questions: what cannot be made", "[data]") {
  const data::QuestionOptions few{.questions = 5, .context_bytes = 90, .ending_bytes = 30};
  const auto from_text = [&](const std::string& text, const data::QuestionOptions& options) {
    return [=] { data::questions_from_text(text, options); };
  };
  using scratch::says;
  CHECK(says(from_text("", few), "more text", "at least 60 bytes", "enough for 0"));
  CHECK(says(from_text(numbered(100, 3), few), "more text"));
  CHECK(says(from_text(numbered(2, 40), {.questions = 5000, .context_bytes = 90, .ending_bytes = 30}), "5000",
             "ask for fewer"));
  CHECK(says(from_text("abc \xff", few), "UTF-8", "byte at 4"));
  CHECK(says(from_text("abc", {.questions = 1, .context_bytes = 9, .ending_bytes = 10}), "no shorter than endings"));
  const auto from_parallel = [](const std::string& from, const std::string& to, Index questions) {
    return [=] { data::questions_from_parallel_text(from, to, {.questions = questions}); };
  };
  CHECK(says(from_parallel("a\nb\n", "a\n", 1), "same lines", "2 and 1"));
  CHECK(says(from_parallel("a\nb\n\n", "a\nb\nc\n", 3), "3 questions and 2 lines"));
  CHECK(says(from_parallel("a\nb\nc\nd\n", "x\nx\ny\nz\n", 1), "four different lines", "got 3"));
}
