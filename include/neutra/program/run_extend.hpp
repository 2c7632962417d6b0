/// The implementation of the program `extend`.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/adapter/registry.hpp"
#include "neutra/program/extend_options.hpp"
#include "neutra/program/program.hpp"
#include "neutra/program/progress.hpp"
#include "neutra/program/shell.hpp"
#include "neutra/report/page.hpp"
#include "neutra/report/table.hpp"
#include "neutra/study/options_json.hpp"
#include "neutra/study/study.hpp"

#include <functional>
#include <optional>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

/// Runs extend. The policies are created inside, so that their errors are reported.
NEUTRA_ONCE int run_extend(int argc, const char* const* argv, const std::function<adapter::Registry()>& policies) {
  return run_program(
      "extend",
      [&](std::stop_token stop) {
        const adapter::Registry registry = policies();
        const study::Options options = parse_options(argc, argv, registry);
        set_threads(options.threads);
        const io::Json config = {{"command", command_of(argc, argv)}, {"options", to_json(options)}};
        const auto show = [&](const study::Results& so_far) { report::write_report(options.out, so_far); };
        std::optional<ProgressLine> progress(std::in_place);
        const study::Results results = study::Study(options, config, stop, {&*progress, show}).run();
        progress.reset();  // erases its line before the table is printed
        std::printf("%s\nreport: %s\n", report::table(results).c_str(),
                    io::printable_whole((options.out / "report.html").native()).c_str());
      },
      "; run the same command with --resume to continue");
}

}}}  // namespace neutra::NEUTRA_ABI::program
