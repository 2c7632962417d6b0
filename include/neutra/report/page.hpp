/// report.html and learning.svg: a study's results as a self-contained page and a picture.
#pragma once

#include "neutra/io/output_file.hpp"
#include "neutra/report/figures.hpp"
#include "neutra/report/html.hpp"
#include "neutra/report/picture.hpp"
#include "neutra/report/sections.hpp"
#include "neutra/study/results.hpp"
#include "neutra/study/summary.hpp"

#include <filesystem>
#include <limits>
#include <string>

namespace neutra { inline namespace NEUTRA_ABI { namespace report {

/// The page as self-contained HTML in UTF-8; all untrusted text is escaped. Without rows the page says so.
/// Error: a number that is not finite.
inline std::string report(const study::Results& results) {
  const auto lines = study::summarise(results);
  std::string body = detail::introduction(results, lines);
  if (lines.empty()) {
    body += "<p><strong>No runs yet:</strong> the results have no rows.</p>\n" + detail::failure_list(results, lines);
  } else {
    body += detail::summary_table(results, lines) + detail::failure_list(results, lines) +
            detail::comparison_list(lines, study::baseline_of(results)) + detail::learning_figure(lines) +
            detail::parts_table(lines) + detail::layer_figures(lines) + detail::class_tables(lines) +
            detail::all_runs(lines);
  }
  return detail::html_page("Learning and forgetting", "", body + detail::origin(results));
}

/// The learning/forgetting picture as a file of its own. Error: as report.
inline std::string learning_svg(const study::Results& results) {
  const std::string style = concat("<style>", detail::report_style, "svg { background: var(--page); }</style>");
  std::string picture =
      learning_picture(study::summarise(results), 900, 440, "alone", std::numeric_limits<double>::infinity(), style);
  return picture.insert(4, " xmlns=\"http://www.w3.org/2000/svg\"");
}

/// Writes report.html and learning.svg to a folder, each whole or not at all. Error: as report and io::write_file.
inline void write_report(const std::filesystem::path& folder, const study::Results& results) {
  io::write_file(folder / "report.html", report(results));
  io::write_file(folder / "learning.svg", learning_svg(results));
}

}}}  // namespace neutra::NEUTRA_ABI::report
