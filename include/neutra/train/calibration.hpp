/// A sample of a text, from which statistics of a model are computed before training.
#pragma once

#include "neutra/data/windows.hpp"
#include "neutra/train/tokens.hpp"

#include <algorithm>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// Sequences of original-domain text, spread evenly over it: of W whole windows, sequence i of N is window i W / N,
/// rounded down. They depend on no seed.
class Calibration {
 public:
  /// At most `sequences`, fewer if the text has fewer. Error: none.
  Calibration(const data::Windows& text, Index sequences) : text_(text), count_(std::min(sequences, text.whole())) {
    require(count_ > 0, "calibration: at least one sequence of original text is needed, got ", sequences, " of ",
            text.whole(), " in the text; give more text (--original) or a shorter sequence (--sequence)");
  }

  Index count() const { return count_; }
  Index length() const { return text_.length(); }

  /// f(tokens) for each sequence by itself, in order.
  template <class F> void for_each(const F& f) const {
    data::for_each_spread(text_, text_.whole(), count_, data::Domain::original,
                          [&](const data::Batch& one) { f(tokens_of(one)); });
  }

 private:
  const data::Windows& text_;
  Index count_;
};

}}}  // namespace neutra::NEUTRA_ABI::train
