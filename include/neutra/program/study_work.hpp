/// Making the rows of a study, whichever other processes are at work too.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/program/program.hpp"
#include "neutra/program/study_parts.hpp"
#include "neutra/train/stopped.hpp"

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program { namespace detail {

/// Makes what is left of a study, or one row of it.
class StudyWork {
 public:
  /// only: the row to make, counted from 1; 0: all. parts: must outlive it.
  StudyWork(StudyParts& parts, Index only, std::stop_token stop) : parts_(parts), only_(only), stop_(std::move(stop)) {}

  /// Returns the errors of rows that could not be made. Error: Stopped.
  std::vector<std::string> run() {
    std::vector<bool> ended(parts_.count(), false);
    for (bool again = true; again;) {
      again = false;
      bool elsewhere = false;
      for (std::size_t row = 0; row < parts_.count(); ++row) {
        if (ended[row] || (only_ > 0 && only_ != static_cast<Index>(row) + 1)) continue;
        const Attempt result = attempt(row);
        ended[row] = result == Attempt::ended;
        again |= result == Attempt::ended;
        elsewhere |= result == Attempt::elsewhere;
      }
      if (!again && elsewhere && only_ == 0) {  // rows that wait for a rate may be free when that one has ended
        std::this_thread::sleep_for(std::chrono::seconds(1));
        again = !stop_.stop_requested();
      }
    }
    if (stop_.stop_requested()) throw train::Stopped("stopped");
    tell_of_waiting();
    return std::move(errors_);
  }

 private:
  enum class Attempt { ended, elsewhere, not_yet };

  Attempt attempt(std::size_t row) try {
    const auto [rows, own] = parts_.place(row);
    if (const std::string_view waits_for = rows.waits_for(own); !waits_for.empty()) {
      require(only_ == 0, waits_for);
      return rows.state(own) == study::RowState::failed ? Attempt::ended : Attempt::not_yet;
    }
    if (rows.ended(own)) return Attempt::ended;
    if (!rows.make(own)) {
      require(only_ == 0, "another process is making it");
      return Attempt::elsewhere;
    }
    print_line(
        concat("row ", row + 1, " of ", parts_.count(), " ", to_string(rows.state(own)), ": ", parts_.name(row)));
    return Attempt::ended;
  } catch (const train::Stopped&) {
    throw;
  } catch (const Error& error) {
    errors_.push_back(concat("row ", row + 1, ": ", error.what()));
    if (only_ == 0) print_line(errors_.back());
    return Attempt::ended;
  }

  /// Rows that wait for others, which could not be made.
  void tell_of_waiting() {
    std::size_t count = 0;
    for (std::size_t row = 0; row < parts_.count(); ++row) count += parts_.state(row) == study::RowState::waiting;
    if (only_ == 0 && count > 0)
      errors_.push_back(
          concat(count,
                 " rows wait for a rate or for a row that they build on; run the same command again once the "
                 "rows before are done"));
  }

  StudyParts& parts_;
  Index only_;
  std::stop_token stop_;
  std::vector<std::string> errors_;
};

}}}}  // namespace neutra::NEUTRA_ABI::program::detail
