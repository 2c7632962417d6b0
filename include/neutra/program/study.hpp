/// Programs that answer one question: a study is its methods, and what is varied beside them.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/adapter/registry.hpp"
#include "neutra/gate/all.hpp"
#include "neutra/program/study_program.hpp"

#include <functional>

#if !defined(NEUTRA_COMPILED_PROGRAMS)
#include "neutra/program/run_study.hpp"
#endif

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

int run_study(int argc, const char* const* argv, const StudyProgram& study,
              const std::function<adapter::Registry()>& policies);

/// main() of a study. Gates, Own: as in extend_main.
///     int main(int argc, char** argv) {
///       return neutra::program::study_main(argc, argv, {.name = "gates", .question = "Which gate?",
///                                                       .methods = {"adapter", "residue(gate={relu,elu})"}});
///     }
template <class Gates = gate::All, class... Own>
int study_main(int argc, const char* const* argv, const StudyProgram& study) {
  static_assert((adapter::Registry::check<Own>() && ...));
  return run_study(argc, argv, study, adapter::Registry::with<Gates, Own...>);
}

}}}  // namespace neutra::NEUTRA_ABI::program
