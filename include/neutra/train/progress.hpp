/// Progress reports of a long computation.
#pragma once

#include "neutra/core/scalar.hpp"

#include <optional>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// Receives progress; the base class shows nothing (see program/progress.hpp for a progress line). Work may be counted
/// in any unit, for example weighted tokens.
class Progress {
 public:
  Progress() = default;
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  virtual ~Progress() = default;

  /// The total work. Called once, before the first phase.
  virtual void start(double /*total_work*/) {}
  /// Begins a phase of so many steps, which account for `work` of the total. Unfinished work of the previous phase
  /// counts as done.
  virtual void begin(std::string_view /*phase*/, Index /*steps*/, double /*work*/) {}
  /// So many more steps of the phase are done. loss: of the last one, in nats per token.
  virtual void advance(Index /*steps*/, std::optional<double> /*loss*/ = {}, Index /*tokens*/ = 0) {}
  /// So many steps of the phase were done by an earlier, interrupted run.
  virtual void skip(Index /*steps*/) {}
  /// A message for the user.
  virtual void message(std::string_view /*text*/) {}
};

}}}  // namespace neutra::NEUTRA_ABI::train
