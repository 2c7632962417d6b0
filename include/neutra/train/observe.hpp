/// Running a model over a sample of text with an adapter that only observes it.
#pragma once

#include "neutra/train/calibration.hpp"
#include "neutra/train/model.hpp"

#include <memory>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// A pass without recording over each sequence of the sample, in order.      observer: changes nothing
inline void observe(const std::shared_ptr<const Backbone>& backbone, const Adapter& observer, const Calibration& text) {
  Model observed(backbone, observer);
  Tape<float, DefaultDevice> tape;
  text.for_each([&](const nn::Tokens& tokens) {
    tape.start(false);
    Pass<float, DefaultDevice> pass{.tape = tape};
    observed.hidden(tokens, pass);
  });
}

}}}  // namespace neutra::NEUTRA_ABI::train
