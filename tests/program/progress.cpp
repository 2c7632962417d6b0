// Progress on a pseudo-terminal and in a file, with a clock that the test controls.
#include "neutra/program/progress.hpp"

#include "tests/catch.hpp"

#include <fcntl.h>
#include <termios.h>

#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

using namespace neutra;
using program::ProgressLine;

namespace {

/// Both ends of a pseudo-terminal of a given width.
class Terminal {
 public:
  explicit Terminal(unsigned short columns) : master_(posix_openpt(O_RDWR | O_NOCTTY)) {
    REQUIRE(master_ >= 0);
    REQUIRE(grantpt(master_) == 0);
    REQUIRE(unlockpt(master_) == 0);
    const int slave = open(ptsname(master_), O_RDWR | O_NOCTTY);
    REQUIRE(slave >= 0);
    termios settings{};
    tcgetattr(slave, &settings);
    cfmakeraw(&settings);
    tcsetattr(slave, TCSANOW, &settings);
    resize(columns);
    file = fdopen(slave, "w");
    fcntl(master_, F_SETFL, O_NONBLOCK);
  }
  Terminal(const Terminal&) = delete;
  ~Terminal() {
    std::fclose(file);
    close(master_);
  }
  void resize(unsigned short columns) {
    winsize size{};
    size.ws_col = columns;
    ioctl(master_, TIOCSWINSZ, &size);
  }
  /// The output since the last call.
  std::string take() {
    std::string text;
    char part[4096];
    for (ssize_t n; (n = read(master_, part, sizeof part)) > 0;) text.append(part, static_cast<std::size_t>(n));
    return text;
  }
  std::FILE* file = nullptr;

 private:
  int master_;
};

/// The line on the screen after carriage returns.
std::string screen(const std::string& written) {
  std::string line;
  std::size_t column = 0;
  for (const char c : written) {
    if (c == '\r') {
      column = 0;
    } else {
      if (column == line.size()) line += ' ';
      line[column++] = c;
    }
  }
  return line;
}

std::vector<std::string> lines_of(std::FILE* file) {
  std::rewind(file);
  std::vector<std::string> lines{""};
  for (int c; (c = std::fgetc(file)) != EOF;) {
    if (c == '\n')
      lines.emplace_back();
    else
      lines.back() += static_cast<char>(c);
  }
  lines.pop_back();
  return lines;
}

}  // namespace

TEST_CASE("the time left is that of the whole program") {
  double now = 100;
  std::FILE* out = std::tmpfile();
  {
    ProgressLine progress(out, [&] { return now; });
    progress.start(1000);
    CHECK_FALSE(progress.seconds_left());
    progress.begin("pretrain", 10, 400);  // 40 units of work per step
    now += 8;
    progress.advance(5);  // 200 of 1000 in 8 s: 32 s left
    CHECK(progress.share() == Approx(0.2));
    CHECK(*progress.seconds_left() == Approx(32));
    now += 2;
    progress.begin("extend", 3, 600);  // the rest of pretrain counts as done
    CHECK(progress.share() == Approx(0.4));
    CHECK(*progress.seconds_left() == Approx(15));
    progress.advance(1);
    CHECK(progress.share() == Approx(0.6));
    progress.advance(100);  // more steps than the phase has
    CHECK(progress.share() == Approx(1.0));
    CHECK(*progress.seconds_left() == Approx(0));
  }
  std::fclose(out);
}

TEST_CASE("steps done by an earlier run took no time of this one") {
  double now = 0;
  std::FILE* out = std::tmpfile();
  {
    ProgressLine progress(out, [&] { return now; });
    progress.start(100);
    progress.begin("extend", 100, 100);
    progress.skip(50);
    CHECK(progress.share() == Approx(0.5));
    CHECK_FALSE(progress.seconds_left());
    now = 10;
    progress.advance(10);  // one per second, 40 are left
    CHECK(*progress.seconds_left() == Approx(40));
  }
  std::fclose(out);
}

TEST_CASE("without a terminal: plain lines at the start, each tenth or half minute, and the end") {
  double now = 0;
  std::FILE* out = std::tmpfile();
  {
    ProgressLine progress(out, [&] { return now; });
    progress.start(100);
    progress.begin("extend\nneutral", 100, 100);
    for (int step = 0; step < 50; ++step) {
      now += 0.5;
      progress.advance(1, 3.25, 1000);
    }
    now += 31;
    progress.advance(1);
    progress.message("a warning\x1b[2J");
    progress.advance(1);
  }
  const auto lines = lines_of(out);
  std::fclose(out);
  REQUIRE(lines.size() == 9);  // 0 %, five tenths, after half a minute, the message, the end
  CHECK(lines[0] == "  0 %  extend\\x0aneutral 0/100");
  CHECK(lines[1] == " 10 %  extend\\x0aneutral 10/100  loss 3.250  2.00k tokens/s  0:45 left");
  CHECK(lines[6].starts_with(" 51 %  extend\\x0aneutral 51/100  loss 3.250"));
  CHECK(lines[7] == "a warning\\x1b[2J");
  CHECK(lines[8].starts_with(" 52 %"));
}

TEST_CASE("the last plain line is not printed twice") {
  std::FILE* out = std::tmpfile();
  {
    ProgressLine progress(out, [] { return 0.0; });
    progress.start(2);
    progress.begin("x", 2, 2);
    progress.advance(2);
  }
  CHECK(lines_of(out) == std::vector<std::string>{"  0 %  x 0/2", "100 %  x 2/2"});
  std::fclose(out);
}

TEST_CASE("on a terminal: one line, at most five times a second, wiped at the end") {
  double now = 0;
  Terminal terminal(80);
  {
    ProgressLine progress(terminal.file, [&] { return now; });
    progress.start(100);
    progress.begin("extend", 100, 100);
    CHECK(screen(terminal.take()) == "[........................] extend 0/100");
    int drawn = 0;
    for (int step = 0; step < 50; ++step) {
      now += 0.02;
      progress.advance(1, 2.5, 10);
      drawn += !terminal.take().empty();
    }
    CHECK(drawn >= 4);
    CHECK(drawn <= 5);  // within one second
    now += 1;
    progress.advance(0);
    CHECK(screen(terminal.take()) == "[############............] extend 50/100  loss 2.500  250 tokens/s  0:02 left");
    now += 1;
    progress.begin("b", 1, 0);
    // Nothing of the longer line is left.
    CHECK(screen(terminal.take()).starts_with("[########################] b 0/1  0:00 left                  "));
    now += 1;
    progress.message("a warning");
    const std::string text = terminal.take();
    CHECK(text.find("\ra warning\n\r[####") != std::string::npos);
    CHECK(
        std::all_of(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || (c >= ' ' && c <= '~'); }));
  }
  const std::string end = terminal.take();
  CHECK(end.find_first_not_of("\r ") == end.npos);
  CHECK(end.size() >= 41);  // the whole line
  CHECK(end.back() == '\r');
}

TEST_CASE("the line is never wider than the terminal, leaves nothing of a longer one, and is wiped by an exception") {
  double now = 0;
  Terminal terminal(30);
  std::string written;
  try {
    ProgressLine progress(terminal.file, [&] { return now; });
    progress.start(10);
    progress.begin("a phase with a name that is long", 5, 5);
    written = terminal.take();
    CHECK(screen(written).size() == 29);
    now = 1;
    progress.begin("b", 5, 5);
    written += terminal.take();
    CHECK(screen(written).find("long") == std::string::npos);
    CHECK(screen(written).find("b 0/5  0:01 left") != std::string::npos);
    terminal.resize(12);
    now = 2;
    progress.advance(1);
    CHECK(terminal.take().size() <= 1 + 11);
    fail("stop");
  } catch (const Error&) {
    const std::string end = terminal.take();
    CHECK(end == "\r" + std::string(11, ' ') + "\r");
  }
}

TEST_CASE("progress refuses work that cannot be counted") {
  CHECK_THROWS_AS(ProgressLine().start(0), Error);
  CHECK_THROWS_AS(ProgressLine().start(std::numeric_limits<double>::quiet_NaN()), Error);
  std::FILE* out = std::tmpfile();
  {
    ProgressLine progress(out);
    progress.start(1);
    CHECK_THROWS_AS(progress.begin("x", -1, 1), Error);
    CHECK_THROWS_AS(progress.begin("x", 1, std::numeric_limits<double>::infinity()), Error);
    progress.begin("nothing to do", 0, 0);
    CHECK(progress.share() == 0);
  }
  std::fclose(out);
}
