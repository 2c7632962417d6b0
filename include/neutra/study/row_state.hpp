/// What has become of a row of a study.
#pragma once

#include "neutra/core/config.hpp"

#include <array>
#include <cstddef>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// The state of a row, for all processes that work in its folder.
///   waiting: not begun    stopped: begun, and no process works on it    running: a process does
///   done: it has its results    failed: it diverged, and would do so again
enum class RowState { waiting, stopped, running, done, failed };

constexpr std::string_view to_string(RowState state) {
  constexpr std::array<std::string_view, 5> names = {"waiting", "stopped", "running", "done", "failed"};
  return names[static_cast<std::size_t>(state)];
}

}}}  // namespace neutra::NEUTRA_ABI::study
