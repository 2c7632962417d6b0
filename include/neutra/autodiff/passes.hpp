/// Counts the forward passes of a step, to report a missing start() before memory runs out.
#pragma once

#include "neutra/core/error.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace detail {

/// Values of a forward pass may live until the next start(). A model may therefore run once per step without recording,
/// and up to `most` times with recording: as many losses as are likely to be added up before backward().
class Passes {
 public:
  void clear() { models_.clear(); }

  /// Error: no step is open, or the model at this address ran too often in this step.
  void begin(const void* model, bool open, bool recording) {
    require(open,
            "Tape: a model ran before the first start(), or after the backward() of its step; call start() for every "
            "step, start(false) if there is no backward pass");
    const auto before = std::count(models_.begin(), models_.end(), model);
    require(recording || before == 0,
            "Tape: this model has run in this step already, and its values live until start(); call start(false) "
            "before each forward pass");
    require(before < most, "Tape: this model has run ", before,
            " times in this step, and all its values live until start(); call start() for every step, start(false) if "
            "there is no backward pass");
    models_.push_back(model);
  }

 private:
  static constexpr std::ptrdiff_t most = 64;
  std::vector<const void*> models_;
};

}}}  // namespace neutra::NEUTRA_ABI::detail
