/// The results of a study in its folder and on standard output.
#pragma once

#include "neutra/io/output_file.hpp"
#include "neutra/io/utf8.hpp"
#include "neutra/program/study_options.hpp"
#include "neutra/program/study_parts.hpp"
#include "neutra/report/page.hpp"
#include "neutra/report/stages.hpp"
#include "neutra/report/table.hpp"
#include "neutra/study/join.hpp"
#include "neutra/study/results.hpp"

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program { namespace detail {

/// The results of a part with those in other folders.
inline study::Results joined_with(const StudyPart& part, study::Results own, const std::vector<std::string>& folders) {
  std::vector<study::Results> all;
  std::vector<std::string> names;
  if (!own.rows.empty()) {
    all.push_back(std::move(own));
    names.push_back(part.out.string());
  }
  for (const io::Path folder : folders) {
    names.push_back((folder / "results.json").string());
    all.push_back(study::read_results(names.back()));
  }
  return study::join(all, names);
}

/// results.json and report.html of every part, and the tables on standard output; where parts are stages, stages.txt.
inline void collect_study(StudyParts& parts, const StudyOptions& asked) {
  std::vector<report::Stage> stages;
  for (StudyPart& part : parts.all()) {
    study::Results results = part.rows.results();
    if (!asked.joined.empty()) results = joined_with(part, std::move(results), asked.joined);
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
  io::write_file(asked.options.out / "stages.txt", table);
  std::printf("%s", table.c_str());
}

}}}}  // namespace neutra::NEUTRA_ABI::program::detail
