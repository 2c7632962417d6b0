/// The mix of two domains in training: which window is in which slot of which step.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/random.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/core/shape.hpp"
#include "neutra/data/batch.hpp"
#include "neutra/data/windows.hpp"

#include <cmath>
#include <cstdint>
#include <string_view>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// Draws sequences from two domains. The share p of original sequences is exact to within one sequence over any stretch
/// of slots. Everything is a function of (seed, step, slot, sequences in a step): a resumed run continues the sequence
/// of draws, and micro-batches together are the step.
///
/// Systematic sampling: slot i of step t with B sequences has the number n = t B + i. With P = round(2^32 p) and a
/// 32-bit offset U drawn from the seed
///     original slots before n = (n P + U) >> 32
/// Slot n is original if this count rises from n to n + 1. The count is then the slot's ordinal in its domain; for a
/// target slot the ordinal is n minus the count. Each epoch visits a domain in its own keyed order:
///     window = Permutation(windows, epoch = ordinal / windows)(ordinal % windows)
class Mix {
 public:
  /// Shares the tokens of both domains. A domain that is never drawn (p = 0 or 1) may be Windows().
  /// Errors: p outside [0, 1]; a drawn domain that is absent or shorter than one window;
  /// different sequence lengths or bos.
  Mix(Windows original, Windows target, double share, std::uint64_t seed)
      : original_(std::move(original)),
        target_(std::move(target)),
        share_(share),
        original_order_(seed, "epoch/original"),
        target_order_(seed, "epoch/target") {
    require(share >= 0.0 && share <= 1.0, "mix: the share of original sequences must lie in [0, 1], got ", share,
            "; 0.1 is usual");
    if (share > 0.0) check_drawn(original_, "original");
    if (share < 1.0) check_drawn(target_, "target");
    const bool both = original_.tokens() > 0 && target_.tokens() > 0;
    require(!both || original_.length() == target_.length(),
            "mix: both domains must have the same sequence length, got ", original_.length(), " for original and ",
            target_.length(), " for target");
    require(!both || original_.bos() == target_.bos(), "mix: both domains must have the same bos, got ",
            original_.bos(), " for original and ", target_.bos(), " for target; encode both with the same tokenizer");
    rate_ = static_cast<std::uint64_t>(std::llround(std::ldexp(share, 32)));
    offset_ = Philox(seed, "mix").words(0, 0)[0];
  }

  double share() const { return share_; }
  const Windows& original() const { return original_; }
  Index length() const { return target_.tokens() > 0 ? target_.length() : original_.length(); }

  /// The number of original sequences in a whole step, known before any is drawn. Errors: as fill.
  Index original_in_step(Index step, Index sequences) const {
    const Index first = first_slot(step, sequences);
    return original_before(first + sequences) - original_before(first);
  }

  /// The number of tokens in a whole step that are not scored. Errors: as fill.
  Index unscored_in_step(Index step, Index sequences) const {
    Index count = 0;
    for_each_slot(first_slot(step, sequences), sequences,
                  [&](Index, Domain, const Windows& windows, Index window) { count += windows.unscored_in(window); });
    return count;
  }

  /// The whole step. Errors: as fill.
  Batch batch(Index step, Index sequences) const {
    Batch whole;
    fill(step, sequences, 0, sequences, whole);
    return whole;
  }

  /// Slots first .. first + count - 1 of a step of `sequences` sequences. Allocates only when `into` grows beyond its
  /// largest size so far. Errors: a negative step; sizes that are not positive; slots outside the step;
  /// a slot number beyond 2^62.
  void fill(Index step, Index sequences, Index first, Index count, Batch& into) const {
    const Index start = first_slot(step, sequences);
    require(first >= 0 && count > 0 && first < sequences && count <= sequences - first, "mix: slots must lie in 0 .. ",
            sequences - 1, ", got ", count, " from ", first);
    into.resize(count, length());
    for_each_slot(start + first, count, [&](Index i, Domain domain, const Windows& windows, Index window) {
      into.domains[static_cast<std::size_t>(i)] = domain;
      windows.copy_window(window, into.inputs.data() + i * length(), into.targets.data() + i * length());
    });
  }

 private:
  static void check_drawn(const Windows& windows, std::string_view domain) {
    require(windows.whole() > 0, "mix: needs at least one sequence of ", domain, " text, ",
            windows.tokens() == 0
                ? concat("got none; give a file of it (--", domain, "), or a share without it (--share)")
                : concat("got ", windows.tokens(), " tokens for a length of ", windows.length(), "; give more text (--",
                         domain, ") or a shorter sequence (--sequence)"));
  }

  static Index first_slot(Index step, Index sequences) {
    require(step >= 0 && sequences > 0, "mix: the step must not be negative and needs at least one sequence, got step ",
            step, " of ", sequences, " sequences");
    const Index first = checked_product(step, sequences, "mix: slots up to this step");
    require(first <= (Index{1} << 62) - sequences, "mix: slots up to this step: ", first, " and ", sequences,
            " more are beyond 2^62; the step is out of range");
    return first;
  }

  /// (n P + U) >> 32 in 64-bit arithmetic: (low half of n) P + U stays below 2^64.
  Index original_before(Index slot) const {
    const auto n = static_cast<std::uint64_t>(slot);
    const std::uint64_t high = n >> 32, low = n & 0xffffffffu;
    return static_cast<Index>(high * rate_ + ((low * rate_ + offset_) >> 32));
  }

  /// f(i, domain, windows, window) for the slots start + i, i = 0 .. count - 1.
  template <class F> void for_each_slot(Index start, Index count, const F& f) const {
    for (Index i = 0; i < count; ++i) {
      const Index slot = start + i, ordinal = original_before(slot);
      if (original_before(slot + 1) != ordinal) {
        f(i, Domain::original, original_, window_of(original_, original_order_, ordinal));
      } else {
        f(i, Domain::target, target_, window_of(target_, target_order_, slot - ordinal));
      }
    }
  }
  static Index window_of(const Windows& windows, const Philox& order, Index ordinal) {
    const Index epoch = ordinal / windows.whole();
    const Permutation place(windows.whole(), order, static_cast<std::uint64_t>(epoch));
    return place(ordinal % windows.whole());
  }

  Windows original_, target_;
  double share_;
  Philox original_order_, target_order_;
  std::uint64_t rate_ = 0, offset_ = 0;
};

}}}  // namespace neutra::NEUTRA_ABI::data
