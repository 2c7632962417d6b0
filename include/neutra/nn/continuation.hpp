/// Reading a growing text, each token once.
#pragma once

#include "neutra/nn/transformer.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// The logits of the next token of a text that grows. A pass reads the tokens that are new; keys, values and running
/// sums of gates are kept (see Past). When the model's context is full, its last three quarters are read again as a
/// window that begins there, so that the cost of a token does not grow. The same window is read again for every token
/// where a family computes earlier tokens anew (Decoder::longest_past), and once where adapters were switched or scaled
/// otherwise since the last token (Transformer::attenuation).
template <class A = adapter::None, Scalar S = float, Backend D = DefaultDevice> class Continuation {
 public:
  /// `first`: the token that every text, and every later start, begins with.
  Continuation(Transformer<A, S, D>& model, std::int32_t first) : model_(model), first_(first) {}

  /// The logits of the token after `text`, (1, V), valid until the next call. text: that of the call before, and more.
  /// Error: nothing more.
  View<const S> next(std::span<const std::int32_t> text) {
    const auto length = static_cast<Index>(text.size());
    const Index context = model_.config().context;
    if (model_.attenuation != read_with_) {
      past_.clear();
      read_with_ = model_.attenuation;
    }
    if (1 + length - start_ > context) {
      start_ = length + 1 - (context - context / 4);
      past_.clear();
    }
    const Index window = 1 + length - start_;
    const bool keeps = window <= model_.longest_past();
    if (!keeps) past_.clear();
    require(past_.length() < window, "continuation: the text must have grown since the last call, got ", length,
            " tokens; make another nn::Continuation for another text");
    more_.clear();
    for (Index place = past_.length(); place < window; ++place)
      more_.push_back(place == 0 ? first_ : text[static_cast<std::size_t>(start_ + place - 1)]);
    tape_.start(false);
    return keeps ? model_.next_logits(tape_, past_, more_).value() : model_.next_logits(tape_, more_).value();
  }

 private:
  Transformer<A, S, D>& model_;
  std::int32_t first_;
  Tape<S, D> tape_;
  Past<S, D> past_;
  std::vector<std::int32_t> more_;
  adapter::Attenuation read_with_{};  // with which the past was made
  Index start_ = 0;                   // where in the text the window begins that the model reads
};

}}}  // namespace neutra::NEUTRA_ABI::nn
