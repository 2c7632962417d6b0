// The command line of the benchmark of gates: its own options, and those of Google Benchmark.
#pragma once

#include "neutra/io/file.hpp"
#include "neutra/program/program.hpp"
#include "neutra/study/option_checks.hpp"

#include <benchmark/benchmark.h>
#include <omp.h>

#include <algorithm>
#include <string>
#include <vector>

namespace gates {

using namespace neutra;

namespace detail {

/// What the command line asks for: options of this program, and those of Google Benchmark.
struct Asked {
  Index rounds = 5;
  io::Path json, svg;
  std::vector<std::string> others;

  Asked(int argc, char** argv) {
    CLI::App app("Measure what gates cost, relative to the open gate.", "gates");
    app.add_option("--rounds", rounds, "rounds, each of which measures every gate once")->capture_default_str();
    app.add_option("--json", json, "write the ratios to this file");
    app.add_option("--svg", svg, "write a picture of them to this file");
    app.footer(
        "Options of Google Benchmark: --benchmark_filter=REGEX and --benchmark_min_time=SECONDS (0.1). With any "
        "other,\n"
        "as --benchmark_format=csv, it reports every benchmark itself, gates alone included, and no table is made.");
    app.allow_extras();
    program::parse_command_line(app, argc, argv);
    study::detail::check_count(rounds, "rounds");
    others = app.remaining();
    const auto strange = std::find_if(others.begin(), others.end(),
                                      [](const std::string& word) { return !word.starts_with("--benchmark_"); });
    require(strange == others.end(), "unknown option ", strange == others.end() ? "" : *strange, "; --help lists all");
  }
  /// Whether Google Benchmark prints its own report.
  bool plain() const {
    return std::any_of(others.begin(), others.end(), [](const std::string& word) {
      return !word.starts_with("--benchmark_filter") && !word.starts_with("--benchmark_min_time");
    });
  }
};

/// Google Benchmark reads its options. Error: one it does not know.
inline void initialise(const Asked& asked, char* name) {
  std::vector<std::string> words = asked.others;
  if (!asked.plain()) {
    // The open gate is always measured, and by default residues alone: a shorter time, before an option that sets it.
    bool filtered = false;
    for (std::string& word : words) {
      if (!word.starts_with("--benchmark_filter=")) continue;
      const std::string chosen = word.substr(word.find('=') + 1);
      if (!chosen.starts_with('-'))  // which excludes
        word = "--benchmark_filter=residue/open/|" + (chosen.empty() || chosen == "all" ? "." : chosen);
      filtered = true;
    }
    if (!filtered) words.emplace_back("--benchmark_filter=residue/");
    words.insert(words.begin(), "--benchmark_min_time=0.1");
  }
  std::vector<char*> arguments{name};
  for (std::string& word : words) arguments.push_back(word.data());
  int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&count, arguments.data());
  require(count < 2, "unknown option ", count < 2 ? "" : arguments[1], "; --help lists all");
  benchmark::AddCustomContext("threads", concat(omp_get_max_threads()));
}

}  // namespace detail

}  // namespace gates
