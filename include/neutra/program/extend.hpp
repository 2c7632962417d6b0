/// The program `extend`, for the library's policies and a user's own.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/program/extend_options.hpp"
#include "neutra/program/program.hpp"
#include "neutra/program/progress.hpp"
#include "neutra/program/shell.hpp"
#include "neutra/report/page.hpp"
#include "neutra/report/table.hpp"
#include "neutra/study/options_json.hpp"
#include "neutra/study/study.hpp"

#include <optional>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

/// main() of extend. Gates: the list of gates to choose from; Own: a user's adapters, and policies of any family,
/// chosen by their names like ours:
///     int main(int argc, char** argv) { return neutra::program::extend_main<neutra::gate::All, Mine>(argc, argv); }
template <class Gates = gate::All, class... Own> int extend_main(int argc, const char* const* argv) {
  static_assert((adapter::Registry::check<Own>() && ...));
  return run_program(
      "extend",
      [&](std::stop_token stop) {
        const adapter::Registry registry = adapter::Registry::with<Gates, Own...>();
        const study::Options options = parse_options(argc, argv, registry);
        set_threads(options.threads);
        const io::Json config = {{"command", command_of(argc, argv)}, {"options", to_json(options)}};
        const auto show = [&](const study::Results& so_far) { report::write_report(options.out, so_far); };
        std::optional<ProgressLine> progress(std::in_place);
        const study::Results results = study::Study(options, config, stop, {&*progress, show}).run();
        progress.reset();  // wipes its line before the table comes
        std::printf("%s\nreport: %s\n", report::table(results).c_str(),
                    io::shown_whole((options.out / "report.html").native()).c_str());
      },
      "; run the same command with --resume to continue");
}

}}}  // namespace neutra::NEUTRA_ABI::program
