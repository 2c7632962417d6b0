/// The program `extend`, for the library's policies and a user's own.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/train/program.hpp"
#include "neutra/train/shell.hpp"
#include "neutra/train/study.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// main() of extend. Gates: the list of gates to choose from; Own: a user's policies of any family, chosen by their
/// names like ours:
///     int main(int argc, char** argv) { return neutra::train::extend_main<neutra::gate::All, Mine>(argc, argv); }
template <class Gates = gate::All, class... Own> int extend_main(int argc, const char* const* argv) {
  static_assert((Registry::check<Own>() && ...));
  return run_program(
      "extend",
      [&](std::stop_token stop) {
        const Registry registry = Registry::with<Gates, Own...>();
        const Options options = parse_options(argc, argv, registry);
        set_threads(options.threads);
        const io::Json config = {{"command", command_of(argc, argv)}, {"options", to_json(options)}};
        const Results results =
            Study(options, config, registry, stop).run();  // its progress line is gone before the table comes
        std::printf("%s\nreport: %s\n", table(results).c_str(),
                    io::shown_whole((options.out / "report.html").native()).c_str());
      },
      "; run the same command with --resume to continue");
}

}}}  // namespace neutra::NEUTRA_ABI::train
