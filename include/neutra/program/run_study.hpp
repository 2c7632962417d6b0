/// The implementation of studies: their rows, listed, made and joined.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/io/output_file.hpp"
#include "neutra/program/program.hpp"
#include "neutra/program/progress.hpp"
#include "neutra/program/shell.hpp"
#include "neutra/program/study_options.hpp"
#include "neutra/program/study_program.hpp"
#include "neutra/program/workers.hpp"
#include "neutra/report/page.hpp"
#include "neutra/report/stages.hpp"
#include "neutra/report/table.hpp"
#include "neutra/study/join.hpp"
#include "neutra/study/options_json.hpp"
#include "neutra/study/rows.hpp"

#include <omp.h>

#include <chrono>
#include <cstdio>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

namespace detail {

/// Progress that prints messages alone: rows are told when they end.
class Messages final : public train::Progress {
 public:
  void message(std::string_view text) override { print_line(text); }
};

/// A study at work: the rows of all its parts, under one numbering from 1.
class StudyRun {
 public:
  StudyRun(const StudyProgram& program, StudyOptions asked, std::string command, std::stop_token stop)
      : program_(program), asked_(std::move(asked)), command_(std::move(command)), stop_(std::move(stop)) {
    std::vector<study::Options> parts;
    for (const Variation& variation : program.variations) {
      study::Options& options = parts.emplace_back(asked_.options);
      options.out = options.out / study::folder_name(variation.name);
      variation.change(options, asked_.data);
      if (program.needs_data) check_texts(variation.name, options);  // of all parts before the first is prepared
    }
    // Part by part, so that no process holds the lock of one while it waits for another's.
    if (program.variations.empty()) add_part("", asked_.options);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const Variation& variation = program.variations[i];
      study::Options& options = parts[i];
      study::Rows* before = variation.continues ? &parts_.back().rows : nullptr;
      if (before) options.model = before->backbone();
      options.check();
      add_part(variation.name, options, before);
    }
    require(asked_.row <= static_cast<Index>(places_.size()), "--row must be at most ", places_.size(),
            ", the number of rows, got ", asked_.row);
  }

  /// One line a row.
  void list() {
    double seconds = 0;
    std::printf("  row  %-7s  predicted  what\n", "state");
    for (std::size_t row = 0; row < places_.size(); ++row) {
      const auto [part, own] = places_[row];
      const double predicted = part->rows.predicted_seconds(own);
      const study::RowState state = part->rows.state(own);
      if (state != study::RowState::done && state != study::RowState::failed) seconds += predicted;
      std::printf("%5zu  %-7s  %7.0f s  %s\n", row + 1, std::string(to_string(state)).c_str(), predicted,
                  name(row).c_str());
    }
    std::printf("%zu rows, about %.0f s left on this machine\n", places_.size(), seconds);
  }

  /// Makes what is left, or the one row that was asked for, whichever other processes are at work too. Returns the
  /// errors of rows that could not be made.
  std::vector<std::string> work() {
    std::vector<std::string> errors;
    std::vector<bool> tried(places_.size(), false);
    for (bool again = true; again;) {
      again = false;
      bool elsewhere = false;
      for (std::size_t row = 0; row < places_.size(); ++row) {
        if (tried[row] || (asked_.row > 0 && asked_.row != static_cast<Index>(row) + 1)) continue;
        switch (attempt(row, errors)) {
          case Attempt::ended:
            tried[row] = true;
            again = true;
            break;
          case Attempt::elsewhere:
            elsewhere = true;
            break;
          case Attempt::not_yet:
            break;
        }
      }
      if (!again && elsewhere && asked_.row == 0) {  // rows that wait for a rate may be free when that one has ended
        std::this_thread::sleep_for(std::chrono::seconds(1));
        again = !stop_.stop_requested();
      }
    }
    if (stop_.stop_requested()) throw train::Stopped("stopped");
    tell_of_waiting(errors);
    return errors;
  }

  /// results.json and report.html of every part, and the tables on standard output; where parts are stages, stages.txt.
  void collect() {
    std::vector<report::Stage> stages;
    for (Part& part : parts_) {
      study::Results results = part.rows.results();
      if (!asked_.joined.empty()) results = joined_with(part, std::move(results));
      if (!part.name.empty()) std::printf("%s\n", io::printable_whole(part.name).c_str());
      if (results.rows.empty() && results.failed.empty()) {
        std::printf("no row has ended yet\n");
        continue;
      }
      study::write_results(part.out / "results.json", results);
      report::write_report(part.out, results);
      stages.push_back({part.name, part.continues, results});
      std::printf("%s\nreport: %s\n", report::table(results).c_str(),
                  io::printable_whole((part.out / "report.html").native()).c_str());
    }
    const std::string table = report::table_of_stages(stages);
    if (table.empty()) return;
    io::write_file(asked_.options.out / "stages.txt", table);
    std::printf("%s", table.c_str());
  }

 private:
  struct Part {
    Part(std::string heading, const study::Options& options, const io::Json& config, std::stop_token stop,
         train::Progress& messages, study::Rows* before)
        : name(std::move(heading)),
          out(options.out),
          continues(before != nullptr),
          rows(options, config, std::move(stop), &messages, before) {}

    std::string name;
    io::Path out;
    bool continues;
    study::Rows rows;
  };
  enum class Attempt { ended, elsewhere, not_yet };

  /// Error: a text of a part that is not there.
  static void check_texts(const std::string& part, const study::Options& options) {
    const train::TextPaths texts = options.texts();
    const auto check = [&](const std::vector<io::Path>& paths) {
      for (const io::Path& path : paths)
        require(io::is_there(path), part, ": there is no text file ", path.string(),
                "; docs/studies.md names the texts of this study");
    };
    for (const auto* paths : {&texts.original, &texts.target, &texts.eval_original, &texts.eval_target}) check(*paths);
    for (const auto& [name, paths] : texts.further) check(paths);
  }

  void add_part(const std::string& name, const study::Options& options, study::Rows* before = nullptr) {
    const io::Json config = {{"command", command_},
                             {"study", program_.name},
                             {"question", program_.question},
                             {"options", to_json(options)}};
    parts_.emplace_back(name, options, config, stop_, messages_, before);
    parts_.back().rows.prepare();
    for (std::size_t row = 0; row < parts_.back().rows.plan().size(); ++row) places_.emplace_back(&parts_.back(), row);
  }

  std::string name(std::size_t row) {
    const auto [part, own] = places_[row];
    const study::PlannedRow& planned = part->rows.plan()[own];
    return concat(part->name.empty() ? "" : part->name + ": ", io::printable(part->rows.method(own).label),
                  planned.alpha ? concat(", alpha ", *planned.alpha) : "",
                  part->rows.sweeps_length() ? concat(", ", planned.steps, " steps") : "",
                  part->rows.sweeps_share() ? concat(", share ", planned.share) : "",
                  planned.rate ? concat(", rate ", *planned.rate) : ", the selected rate", ", seed ", planned.seed);
  }

  /// Rows that wait for others, which could not be made.
  void tell_of_waiting(std::vector<std::string>& errors) {
    std::size_t count = 0;
    for (const auto& [part, own] : places_) count += part->rows.state(own) == study::RowState::waiting;
    if (asked_.row == 0 && count > 0)
      errors.push_back(
          concat(count,
                 " rows wait for a rate or for a row that they build on; run the same command again once the "
                 "rows before are done"));
  }

  study::Results joined_with(const Part& part, study::Results own) const {
    std::vector<study::Results> all;
    std::vector<std::string> names;
    if (!own.rows.empty()) {
      all.push_back(std::move(own));
      names.push_back(part.out.string());
    }
    for (const io::Path folder : asked_.joined) {
      names.push_back((folder / "results.json").string());
      all.push_back(study::read_results(names.back()));
    }
    return study::join(all, names);
  }

  Attempt attempt(std::size_t row, std::vector<std::string>& errors) try {
    const auto [part, own] = places_[row];
    if (const std::string_view waits_for = part->rows.waits_for(own); !waits_for.empty()) {
      require(asked_.row == 0, waits_for);
      return part->rows.state(own) == study::RowState::failed ? Attempt::ended : Attempt::not_yet;
    }
    if (part->rows.ended(own)) return Attempt::ended;
    if (!part->rows.make(own)) {
      require(asked_.row == 0, "another process is making it");
      return Attempt::elsewhere;
    }
    print_line(concat("row ", row + 1, " of ", places_.size(), " ", to_string(part->rows.state(own)), ": ", name(row)));
    return Attempt::ended;
  } catch (const train::Stopped&) {
    throw;
  } catch (const Error& error) {
    errors.push_back(concat("row ", row + 1, ": ", error.what()));
    if (asked_.row == 0) print_line(errors.back());
    return Attempt::ended;
  }

  const StudyProgram& program_;
  StudyOptions asked_;
  std::string command_;
  std::stop_token stop_;
  Messages messages_;
  std::deque<Part> parts_;
  std::vector<std::pair<Part*, std::size_t>> places_;  // of every row
};

}  // namespace detail

/// Runs a study. The policies are created inside, so that their errors are reported.
NEUTRA_ONCE int run_study(int argc, const char* const* argv, const StudyProgram& study,
                          const std::function<adapter::Registry()>& policies) {
  return run_program(
      study.name.c_str(),
      [&](std::stop_token stop) {
        const adapter::Registry registry = policies();
        const detail::StudyOptions asked = detail::parse_study(argc, argv, study, registry);
        set_threads(asked.worker > 0 ? asked.worker : asked.options.threads);
        if (asked.worker > 0) stop_with_parent();
        detail::StudyRun run(study, asked, command_of(argc, argv), stop);
        if (asked.list) return run.list();
        std::vector<std::string> errors;
        if (!asked.join && asked.jobs > 1 && asked.worker == 0 && asked.row == 0)
          errors = run_workers(argc, argv, asked.jobs, omp_get_max_threads() / asked.jobs, stop);
        else if (!asked.join)
          errors = run.work();
        if (asked.worker == 0 && asked.row == 0) run.collect();
        require(errors.empty(), errors.empty() ? std::string() : errors.front(),
                errors.size() > 1 ? concat(" (the first of ", errors.size(), " errors)") : "");
      },
      "; run the same command again to continue");
}

}}}  // namespace neutra::NEUTRA_ABI::program
