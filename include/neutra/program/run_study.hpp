/// The implementation of studies: their rows, listed, made and joined.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/adapter/registry.hpp"
#include "neutra/program/program.hpp"
#include "neutra/program/shell.hpp"
#include "neutra/program/study_options.hpp"
#include "neutra/program/study_parts.hpp"
#include "neutra/program/study_program.hpp"
#include "neutra/program/study_results.hpp"
#include "neutra/program/study_work.hpp"
#include "neutra/program/workers.hpp"

#include <omp.h>

#include <cstdio>
#include <functional>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

namespace detail {

/// Prints one line a row.
inline void list_rows(StudyParts& parts) {
  double seconds = 0;
  std::printf("  row  %-7s  predicted  what\n", "state");
  for (std::size_t row = 0; row < parts.count(); ++row) {
    const auto [rows, own] = parts.place(row);
    const double predicted = rows.predicted_seconds(own);
    const study::RowState state = rows.state(own);
    if (state != study::RowState::done && state != study::RowState::failed) seconds += predicted;
    std::printf("%5zu  %-7s  %7.0f s  %s\n", row + 1, std::string(to_string(state)).c_str(), predicted,
                parts.name(row).c_str());
  }
  std::printf("%zu rows, about %.0f s left on this machine\n", parts.count(), seconds);
}

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
        detail::StudyParts parts(study, asked, command_of(argc, argv), stop);
        const auto rows = static_cast<Index>(parts.count());
        require(asked.row <= rows, "--row must be at most ", rows, ", the number of rows, got ", asked.row);
        if (asked.list) return detail::list_rows(parts);
        std::vector<std::string> errors;
        if (!asked.join && asked.jobs > 1 && asked.worker == 0 && asked.row == 0)
          errors = run_workers(argc, argv, asked.jobs, omp_get_max_threads() / asked.jobs, stop);
        else if (!asked.join)
          errors = detail::StudyWork(parts, asked.row, stop).run();
        if (asked.worker == 0 && asked.row == 0) detail::collect_study(parts, asked);
        require(errors.empty(), errors.empty() ? std::string() : errors.front(),
                errors.size() > 1 ? concat(" (the first of ", errors.size(), " errors)") : "");
      },
      "; run the same command again to continue");
}

}}}  // namespace neutra::NEUTRA_ABI::program
