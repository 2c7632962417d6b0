/// The forward passes of a step: a loop that forgets start() is told, before it fills the memory.
#pragma once

#include "neutra/core/error.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace detail {

/// What a pass makes lives until start(). So a model may run once in a step without recording, and with recording as
/// often as losses are likely to be added up before backward().
class Passes {
 public:
  void clear() { models_.clear(); }

  /// Error: no step is open, or the model at this address ran too often in it.
  void begin(const void* model, bool open, bool recording) {
    require(open,
            "Tape: a model ran before the first start(), or after the backward() of its step; call start() for every "
            "step, start(false) where "
            "nothing is walked back");
    const auto before = std::count(models_.begin(), models_.end(), model);
    require(recording || before == 0,
            "Tape: this model has run in this step already, and what it made stays until start(); call start(false) "
            "before each forward pass");
    require(before < most, "Tape: this model has run ", before,
            " times in this step, and all that it made stays until start(); call start() for every step, start(false) "
            "where nothing is walked back");
    models_.push_back(model);
  }

 private:
  static constexpr std::ptrdiff_t most = 64;
  std::vector<const void*> models_;
};

}}}  // namespace neutra::NEUTRA_ABI::detail
