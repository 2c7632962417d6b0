// Progress: a line that is rewritten, with the time left, on a terminal; plain lines elsewhere.
#include "tests/programs/study.hpp"

#include <pty.h>

using namespace neutra;
using programs::Study;

namespace {

struct Shown {
  std::string text;
  int status;
};

/// Runs a command with a pseudo-terminal of 100 columns as its output; presses Ctrl-C where these words are shown.
Shown on_terminal(const programs::Words& command, std::string interrupt_at = "") {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  winsize size{24, 100, 0, 0};
  int master = -1;
  const pid_t child = forkpty(&master, nullptr, nullptr, &size);
  if (child == 0) {
    setenv("OMP_NUM_THREADS", "1", 1);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  REQUIRE(child > 0);
  Shown shown;
  char block[4096];
  for (ssize_t count = 0; (count = read(master, block, sizeof block)) > 0;) {
    shown.text.append(block, static_cast<std::size_t>(count));
    if (interrupt_at.empty() || shown.text.find(interrupt_at) == std::string::npos) continue;
    CHECK(write(master, "\x03", 1) == 1);
    interrupt_at.clear();
  }
  waitpid(child, &shown.status, 0);
  close(master);
  return shown;
}

}  // namespace

TEST_CASE("extend: on a terminal one line is rewritten, tells the time left, and is gone before the table",
          "[programs]") {
  const Study study;
  const auto shown = on_terminal(
      study.command(Study::small({"--methods", "neutral,adapter", "--steps", "600", "--pretrain-steps", "600"})));
  INFO(shown.text);
  REQUIRE(shown.status == 0);
  CHECK(shown.text.find("\r[#") != std::string::npos);
  CHECK(shown.text.find(":0") != std::string::npos);
  CHECK(shown.text.find(" left") != std::string::npos);
  std::istringstream lines(shown.text);
  bool in_table = false;
  for (std::string line; std::getline(lines, line);) {
    const auto rewritten = line.rfind('\r', line.size() - 2);  // what stands on the screen in the end
    const std::string last = rewritten == std::string::npos ? line : line.substr(rewritten + 1);
    in_table = in_table || last.find("original       target") != std::string::npos;
    if (last.starts_with("[")) FAIL("a progress line was left standing: " << last);
  }
  CHECK(in_table);
}

TEST_CASE("extend: on a terminal Ctrl-C is answered on a line of its own", "[programs]") {
  const Study study;
  const auto shown =
      on_terminal(study.command(Study::small({"--methods", "neutral", "--pretrain-steps", "100000"})), " left");
  INFO(shown.text);
  REQUIRE(WIFEXITED(shown.status));
  CHECK(WEXITSTATUS(shown.status) == 130);
  const auto answer = shown.text.find("\nstopping after this step; repeat to end at once\r\n");
  REQUIRE(answer != std::string::npos);
  CHECK(shown.text.find("extend: stopped at step ", answer) != std::string::npos);
}

TEST_CASE("extend: without a terminal progress is plain lines, few of them", "[programs]") {
  const Study study;
  const auto ended = programs::run(study.command(Study::small({"--methods", "neutral,adapter"})));
  REQUIRE(ended.status == 0);
  CHECK(ended.err.find('\r') == std::string::npos);
  CHECK(ended.err.find('\x1b') == std::string::npos);
  CHECK(ended.err.find(" left\n") != std::string::npos);
  std::istringstream lines(ended.err);
  int count = 0, last = -1;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("warning: ")) continue;
    INFO(line);
    const int share = std::stoi(line);
    CHECK(share >= last);
    last = share;
    ++count;
  }
  CHECK(last == 100);
  CHECK(count <= 14);
}

TEST_CASE("programs: help is on stdout and no failure", "[programs]") {
  for (const char* program : {"extend", "evaluate", "generate"}) {
    const auto ended = programs::run({programs::path_of(program), "--help"});
    CHECK(ended.status == 0);
    CHECK(ended.err.empty());
    CHECK(ended.out.find(std::string(program) == "extend" ? "--resume" : "--adapter") != std::string::npos);
  }
}
