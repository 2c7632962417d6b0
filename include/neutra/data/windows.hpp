/// A token stream cut into windows, the unit of training and evaluation.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/data/batch.hpp"
#include "neutra/data/token_stream.hpp"
#include "neutra/data/tokenizer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// Tokens in non-overlapping windows of `length`. Window w predicts each of its tokens once, with context from inside
/// the window only:
///     targets = tokens[w * length ...],   inputs = bos, targets without the last
/// The last window may be short: evaluation reads it, training skips it. Copies share the tokens.
class Windows {
 public:
  /// No tokens: an absent domain of a Mix.
  Windows() = default;

  /// Errors: no tokens; a length that is not positive; bos or a token outside 0 .. vocab - 1, with its position.
  Windows(std::vector<std::int32_t> tokens, Index length, Index vocab, std::int32_t bos)
      : Windows(TokenStream(std::move(tokens)), length, vocab, bos) {}
  Windows(TokenStream tokens, Index length, Index vocab, std::int32_t bos)
      : tokens_(std::move(tokens)), length_(length), bos_(bos) {
    require(length > 0, "windows: the sequence length must be positive, got ", length);
    require(tokens_->size() > 0, "windows: needs at least one token, got none; give a text that is not empty");
    require(bos >= 0 && bos < vocab, "windows: bos must lie in 0 .. ", vocab - 1, ", got ", bos,
            "; use the tokenizer of this model");
    const std::size_t outside = tokens_->first_outside(vocab);
    require(outside == tokens_->size(), "windows: token ids must lie in 0 .. ", vocab - 1, ", got ",
            outside == tokens_->size() ? 0 : (*tokens_)[outside], " at position ", outside,
            "; the tokenizer has more tokens than the model, use the one it was trained with");
  }

  /// Tokenizes the text. Errors: as above.
  Windows(const Tokenizer& tokenizer, std::string_view text, Index length)
      : Windows(tokenizer.encode(text), length, tokenizer.vocab(), tokenizer.bos()) {}

  Index tokens() const { return tokens_ ? static_cast<Index>(tokens_->size()) : 0; }
  Index length() const { return length_; }
  std::int32_t bos() const { return bos_; }
  /// The number of windows of full length.
  Index whole() const { return tokens() / length_; }
  /// The number of windows, including a short last one.
  Index count() const { return whole() + (tokens() % length_ != 0); }
  Index length_of(Index window) const { return std::min(length_, tokens() - window * length_); }

  /// The number of tokens of a window that are not scored.
  Index unscored_in(Index window) const {
    return static_cast<Index>(tokens_->unscored_in(begin_of(window), static_cast<std::size_t>(length_of(window))));
  }

  /// Writes the inputs and targets of a window, length_of(window) each; not_scored for targets that are not.
  void copy_window(Index window, std::int32_t* inputs, std::int32_t* targets) const {
    const std::size_t first = begin_of(window), length = static_cast<std::size_t>(length_of(window));
    tokens_->copy(first, length, targets);
    inputs[0] = bos_;
    std::copy_n(targets, length - 1, inputs + 1);
    for_each_part(tokens_->unscored(), first, first + length,
                  [&](Run part) { std::fill_n(targets + (part.begin - first), part.size(), not_scored); });
  }

  /// Reads windows first .. first + count - 1 in order, all of one domain, for evaluation. A short last window is read
  /// alone. Errors: windows outside 0 .. count() - 1; a short window together with others.
  void read(Index first, Index count, Domain domain, Batch& into) const {
    require(first >= 0 && count > 0 && count <= this->count() - first, "windows: must lie in 0 .. ", this->count() - 1,
            ", got ", count, " from ", first);
    const Index length = length_of(first + count - 1);
    require(length == length_ || count == 1, "windows: the last window has ", length, " of ", length_,
            " tokens and must be read alone, got ", count, " from ", first);
    into.resize(count, length);
    std::fill(into.domains.begin(), into.domains.end(), domain);
    for (Index w = 0; w < count; ++w)
      copy_window(first + w, into.inputs.data() + w * length, into.targets.data() + w * length);
  }

 private:
  std::size_t begin_of(Index window) const { return static_cast<std::size_t>(window * length_); }

  std::optional<TokenStream> tokens_;
  Index length_ = 1;
  std::int32_t bos_ = 0;
};

/// Reads `count` of the first `of` windows one by one, spread evenly over them: window i of / count for i = 0 to
/// count - 1, rounded down. f(batch) for each, in order.
template <class F> void for_each_spread(const Windows& windows, Index of, Index count, Domain domain, const F& f) {
  Batch one;
  for (Index i = 0; i < count; ++i) {
    windows.read(i * of / count, 1, domain, one);
    f(std::as_const(one));
  }
}

}}}  // namespace neutra::NEUTRA_ABI::data
