/// The program `extend`, for the library's policies and a user's own.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/train/program.hpp"
#include "neutra/train/study.hpp"

namespace neutra::inline NEUTRA_ABI::train {

/// The command line again, for the record: as it was when the run began, without --resume.
inline std::string command_of(int argc, const char* const* argv) {
  std::string command;
  for (int i = 0; i < argc; ++i)
    if (std::string_view(argv[i]) != "--resume") command += concat(i ? " " : "", argv[i]);
  return command;
}

/// main() of extend. Gates: the list of gates to choose from; Own: a user's policies of any family, chosen by their names like ours:
///     int main(int argc, char** argv) { return neutra::train::extend_main<neutra::gate::All, Mine>(argc, argv); }
template <class Gates = gate::All, class... Own> int extend_main(int argc, const char* const* argv) {
  static_assert((Registry::check<Own>() && ...));
  StopOnSignal signals;
  return run_program(
      "extend",
      [&] {
        const Options options = parse_options(argc, argv);
        set_threads(options.threads);
        const Registry registry = Registry::with<Gates, Own...>();
        const io::Json config = {{"command", command_of(argc, argv)}, {"options", to_json(options)}};
        const Results results = Study(options, config, registry, signals.token()).run();  // its progress line is gone before the table comes
        std::printf("%s\nreport: %s\n", table(results).c_str(), (options.out / "report.html").c_str());
      },
      "; run the same command with --resume to continue");
}

}  // namespace neutra::inline NEUTRA_ABI::train
