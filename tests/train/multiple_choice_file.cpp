// Files of questions: written and read, and what is refused by file and line.
#include "neutra/train/multiple_choice_file.hpp"

#include "tests/io/scratch.hpp"

using namespace neutra;
using scratch::says;

namespace {

const std::string good = R"({"context": "a", "endings": ["b", "c"], "label": 1})";

}  // namespace

TEST_CASE("questions file: what is written is read, whatever the text holds", "[train]") {
  const scratch::Folder folder;
  const std::vector<data::MultipleChoice> questions{{"caf\u00e9 \"x\" \\ \t", {"a\nb", "\u4e2d\u6587", "\x01", " "}, 2},
                                                    {"", {"x", "y"}, 0}};
  train::write_questions(folder / "q.jsonl", questions);
  const auto read = train::read_questions(folder / "q.jsonl");
  REQUIRE(read.size() == 2);
  for (std::size_t n = 0; n < 2; ++n) {
    CHECK(read[n].context == questions[n].context);
    CHECK(read[n].endings == questions[n].endings);
    CHECK(read[n].label == questions[n].label);
    CHECK(read[n].line == static_cast<Index>(n) + 1);
  }
  CHECK(says([&] { train::write_questions(folder / "q.jsonl", {{"\xff", {"a", "b"}}}); }, "q.jsonl", "UTF-8"));
  CHECK(train::read_questions(folder / "q.jsonl").size() == 2);  // the old file stays
}

TEST_CASE("questions file: other keys, empty lines, CR LF and a missing last newline are accepted", "[train]") {
  const scratch::Folder folder;
  scratch::put(folder / "q",
               "\r\n" + good + "\r\n\n" + R"({"id": 7, "label": 0, "endings": ["b", "c"], "context": ""})");
  const auto read = train::read_questions(folder / "q");
  REQUIRE(read.size() == 2);
  CHECK(read[0].line == 2);
  CHECK(read[1].line == 4);
}

TEST_CASE("questions file: what is no question is refused by file and line", "[train]") {
  const scratch::Folder folder;
  const auto refused = [&](const std::string& line, const auto&... parts) {
    scratch::put(folder / "q.jsonl", good + "\n" + line + "\n");
    return says([&] { train::read_questions(folder / "q.jsonl"); }, "q.jsonl, line 2", parts...);
  };
  CHECK(refused("{", "must be JSON"));
  CHECK(refused("[]", "must be a JSON object"));
  CHECK(refused("{}", "context is missing"));
  CHECK(refused(R"({"context": 1, "endings": ["b", "c"], "label": 1})", "context must be a string, got 1"));
  CHECK(refused(R"({"context": "a", "label": 1})", "endings is missing"));
  CHECK(refused(R"({"context": "a", "endings": "bc", "label": 1})", "endings must be an array"));
  CHECK(refused(R"({"context": "a", "endings": ["b", 2], "label": 1})", "endings must be an array of strings"));
  CHECK(refused(R"({"context": "a", "endings": ["b"], "label": 0})", "2 to 64", "got 1"));
  CHECK(refused(R"({"context": "a", "endings": ["b", ""], "label": 0})", "must not be empty", "position 1"));
  CHECK(refused(R"({"context": "a", "endings": ["b", "c"]})", "label is missing"));
  CHECK(refused(R"({"context": "a", "endings": ["b", "c"], "label": "1"})", "label must be an integer in 0 .. 1"));
  CHECK(
      refused(R"({"context": "a", "endings": ["b", "c"], "label": 2})", "label must be an integer in 0 .. 1", "got 2"));
  CHECK(refused(R"({"context": "a", "context": "a", "endings": ["b", "c"], "label": 0})", "must not occur twice"));
  CHECK(refused("{\"context\": \"\xff\", \"endings\": [\"b\", \"c\"], \"label\": 0}", "must be UTF-8"));
  CHECK(refused(std::string("{\"context\": \"a\0\"}", 17), "zero byte"));
  CHECK(refused(std::string(100000, '['), "nested deeper"));
}

TEST_CASE("questions file: one without questions, and what is no file of lines", "[train]") {
  const scratch::Folder folder;
  const auto refused = [&](const std::string& bytes, const auto&... parts) {
    scratch::put(folder / "q", bytes);
    return says([&] { train::read_questions(folder / "q"); }, (folder / "q").string(), parts...);
  };
  CHECK(refused("", "a question a line, got none"));
  CHECK(refused("\n \r\n", "a question a line, got none"));
  CHECK(refused("\x1f\x8b\x08\x00\x00", "must be JSON lines, got "));
  CHECK(says([&] { train::read_questions(folder / "none"); }, "none", "cannot be opened"));
  CHECK(says([&] { train::read_questions(folder.path()); }, "got a directory"));
  std::filesystem::resize_file(folder / "q", train::max_question_bytes + 1);  // sparse
  CHECK(says([&] { train::read_questions(folder / "q"); }, "at most 256000000 bytes"));
}
