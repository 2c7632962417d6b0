/// The progress of a program and its remaining time, on a terminal or in a log.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/numbers.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/io/utf8.hpp"
#include "neutra/train/progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

/// Progress of a program through its phases, with the remaining time of the whole program:
///     ProgressLine progress;
///     progress.start(pretrain_work + runs * run_work);
///     progress.begin("pretrain", steps, pretrain_work);
///     for (...) progress.advance(1, loss, tokens);
/// On a terminal, one line of ASCII as wide as the terminal is redrawn at most five times a second, and erased at the
/// end, also after an exception. Elsewhere a plain line is printed at the start, at each tenth or every half minute,
/// and at the end. Write errors are ignored: a run must not end because its log is full.
class ProgressLine final : public train::Progress {
 public:
  using Clock = std::function<double()>;  // seconds since any fixed moment

  explicit ProgressLine(std::FILE* out = stderr, Clock clock = seconds)
      : out_(out), clock_(std::move(clock)), terminal_(isatty(fileno(out)) == 1), start_(clock_()) {}
  ~ProgressLine() override {
    if (terminal_) {
      wipe();
    } else if (changed_) {
      print_plain();
    }
  }

  /// Error: total work that is not positive and finite.
  void start(double total_work) override {
    require(total_work > 0 && std::isfinite(total_work), "Progress: the total work must be positive and finite, got ",
            total_work);
    total_ = total_work;
  }
  /// Error: negative steps, or work that is negative or not finite.
  void begin(std::string_view phase, Index steps, double work) override {
    require(steps >= 0 && work >= 0 && std::isfinite(work),
            "Progress: a phase must have zero or more steps and work, got ", steps, " and ", work);
    before_ += work_;
    phase_ = phase;
    steps_ = steps;
    step_ = 0;
    work_ = work;
    phase_start_ = clock_();
    tokens_ = 0;
    loss_.reset();
    show(!printed_);
  }
  /// The loss is shown until the next one. Steps beyond the phase's count are ignored.
  void advance(Index steps, std::optional<double> loss = {}, Index tokens = 0) override {
    step_ = std::clamp<Index>(step_ + steps, 0, steps_);
    tokens_ += static_cast<double>(tokens);
    if (loss) loss_ = loss;
    show(false);
  }

  /// Skipped steps count as done but took no time of this process.
  void skip(Index steps) override {
    const double done_before = done();
    step_ = std::clamp<Index>(step_ + steps, 0, steps_);
    skipped_ += done() - done_before;
    show(false);
  }

  /// Prints a line above the progress line.
  void message(std::string_view text) override {
    if (terminal_) wipe();
    std::fprintf(out_, "%s\n", io::printable_whole(text).c_str());
    std::fflush(out_);
    if (terminal_) show(true);
  }

  /// The fraction of the total work that is done, 0 .. 1.
  double share() const { return std::min(done() / total_, 1.0); }

  /// Seconds to the end at the average speed so far; empty before anything is done.
  std::optional<double> seconds_left() const {
    const double spent = clock_() - start_, own = done() - skipped_;
    if (own <= 0 || spent <= 0) return std::nullopt;
    return std::max(0.0, total_ - done()) * spent / own;
  }

 private:
  static double seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }

  double done() const {
    return before_ + (steps_ > 0 ? work_ * static_cast<double>(step_) / static_cast<double>(steps_) : 0.0);
  }

  Index tenth() const { return static_cast<Index>(10 * share() + 1e-9); }

  /// "pretrain 120/2000  loss 3.214  12.3k tokens/s  1:23 left"
  std::string words() const {
    // The phase may be named after a user's policy. ASCII only, since a byte must be a column.
    std::string text = io::printable(phase_, 200, io::Letters::ascii);
    if (steps_ > 0) text += concat(' ', step_, '/', steps_);
    if (loss_) text += "  loss " + fixed(*loss_, 3);
    const double spent = clock_() - phase_start_;
    if (tokens_ > 0 && spent > 0) text += "  " + short_count(tokens_ / spent) + " tokens/s";
    if (const auto left = seconds_left()) text += "  " + clock_time(*left) + " left";
    return text;
  }

  void show(bool now) {
    changed_ = true;
    const double time = clock_();
    if (terminal_) {
      if (!now && printed_ && time - last_time_ < 0.2) return;
      draw();
    } else {
      if (!now && printed_ && tenth() == last_tenth_ && time - last_time_ < 30) return;
      print_plain();
    }
    printed_ = true;
    last_time_ = time;
    last_tenth_ = tenth();
    changed_ = false;
  }

  void draw() {
    const std::size_t width = columns() - 1;  // a full last column would wrap on some terminals
    std::string line = words();
    if (line.size() + 8 <= width) {
      const std::size_t bar = std::min<std::size_t>(width - line.size() - 3, 24);
      const auto full = static_cast<std::size_t>(share() * static_cast<double>(bar));
      line = "[" + std::string(full, '#') + std::string(bar - full, '.') + "] " + line;
    }
    line.resize(std::min(line.size(), width));
    const std::size_t length = line.size();
    if (length < drawn_) line.append(std::min(drawn_, width) - std::min(length, width), ' ');
    std::fprintf(out_, "\r%s", line.c_str());
    std::fflush(out_);
    drawn_ = length;
  }

  void wipe() {
    if (drawn_ == 0) return;
    std::fprintf(out_, "\r%s\r", std::string(std::min(drawn_, columns() - 1), ' ').c_str());
    std::fflush(out_);
    drawn_ = 0;
  }

  void print_plain() {
    std::fprintf(out_, "%3.0f %%  %s\n", 100 * share(), words().c_str());
    std::fflush(out_);
  }

  std::size_t columns() const {
    winsize size{};
    return ioctl(fileno(out_), TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
  }

  double total_ = 1;
  std::FILE* out_;
  Clock clock_;
  bool terminal_;
  double start_, phase_start_ = 0, last_time_ = 0;
  double before_ = 0, work_ = 0, skipped_ = 0, tokens_ = 0;
  Index steps_ = 0, step_ = 0, last_tenth_ = 0;
  std::string phase_;
  std::optional<double> loss_;
  std::size_t drawn_ = 0;  // characters of the line on the terminal
  bool printed_ = false;
  bool changed_ = false;  // since the last output
};

}}}  // namespace neutra::NEUTRA_ABI::program
