/// What a long computation tells of itself while it runs.
#pragma once

#include "neutra/core/scalar.hpp"

#include <optional>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// Listens to a computation; this one shows nothing. Programs draw a line (program/progress.hpp). Work is counted in
/// any one unit, say weighted tokens.
class Progress {
 public:
  Progress() = default;
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  virtual ~Progress() = default;

  /// The work of everything that follows. Called once, before the first phase.
  virtual void start(double /*total_work*/) {}
  /// Starts a phase of so many steps, which are `work` of the total. What the last phase left undone counts as done.
  virtual void begin(std::string_view /*phase*/, Index /*steps*/, double /*work*/) {}
  /// So many steps of the phase are done. loss: nats per token of the last one.
  virtual void advance(Index /*steps*/, std::optional<double> /*loss*/ = {}, Index /*tokens*/ = 0) {}
  /// So many steps of the phase were done by an earlier run, which was interrupted.
  virtual void skip(Index /*steps*/) {}
  /// A sentence for whoever watches.
  virtual void message(std::string_view /*text*/) {}
};

}}}  // namespace neutra::NEUTRA_ABI::train
