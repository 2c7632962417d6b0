/// Less memory for more time: inner values are computed once more when the walk back needs them.      Chen et al. 2016,
/// arXiv 1604.06174
#pragma once

#include "neutra/autodiff/tape.hpp"

#include <optional>
#include <type_traits>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI {

/// What a block of a model makes: its output, and a loss of its own where it has one.
template <Scalar S, Backend D> struct Made {
  Var<S, D> y;
  std::optional<Var<S, D>> loss{};
};

namespace detail {

/// A stretch of a tape's record, from the place where this was made to the record's end.
template <Scalar S, Backend D> struct Recomputation {
  explicit Recomputation(Tape<S, D>& on)
      : tape(on), nodes(on.nodes_.size()), records(on.records_.size()), scratch(on.scratch_.size()) {}

  /// Error: a weight that f used before is gone, or what else its values stand for.
  static void require_alive(const Tape<S, D>& tape, std::size_t from, std::size_t to) {
    for (; from < to; ++from) tape.require_alive(tape.nodes_[from]);
  }
  std::size_t end() const { return tape.nodes_.size(); }

  bool made(Var<S, D> x) const { return tape.node(x).owned && x.index_ >= nodes; }

  /// Drops the stretch, with all its values but `kept` and single numbers.
  void forget(Var<S, D> kept = {}) {
    if (kept.tape_) {
      tape.value_at(kept.index_, tape);
      tape.node(kept).filling = 0;  // what it was made of goes
    }
    for (std::size_t index = nodes; index < tape.nodes_.size(); ++index)
      if ((kept.tape_ == nullptr || index != kept.index_) && !Tape<S, D>::is_number(tape.nodes_[index]))
        tape.release(tape.nodes_[index]);
    for (std::size_t at = scratch; at < tape.scratch_.size(); ++at)
      tape.pool_.release(tape.scratch_[at].memory, tape.scratch_[at].bytes);
    tape.scratch_.resize(scratch);
    tape.records_.resize(records);
  }

  void walk_back() { tape.walk_back(records); }

  /// The gradient of a value becomes that of the same value in this stretch.
  void hand_gradient(Var<S, D> from, Var<S, D> to) {
    auto &first = tape.node(from), &again = tape.node(to);
    require(made(to) && again.shape == first.shape && again.room == first.room && again.rounded == first.rounded,
            "recompute: the function must make the same values at every call, got ", again.shape,
            again.rounded ? " kept as bf16" : "", " after ", first.shape, first.rounded ? " kept as bf16" : "");
    again.gradient = std::exchange(first.gradient, nullptr);
    again.has_gradient = std::exchange(first.has_gradient, false);
  }

  Tape<S, D>& tape;
  std::size_t nodes, records, scratch;
};

}  // namespace detail

/// f(x), of which a recording tape keeps x, the output and the loss alone; backward() runs f again before it walks back
/// through it. Costs f a second time, and no bit of a gradient changes. f: trivially copyable, from a Var to Made<S,
/// D>; its output, and its loss of one number, are made by ops of its own, and every call makes the same values from
/// what the step leaves unchanged (weights, inputs), which must live until backward() has ended. Error: an output or
/// loss that is not f's own, or a loss of several numbers; in backward(), other values than at the first call, or a
/// loss that is walked back without the output it belongs to.
template <Scalar S, Backend D, class F> Made<S, D> recompute(Var<S, D> x, const F& f) {
  static_assert(std::is_trivially_copyable_v<F>,
                "neutra: the function of recompute must be trivially copyable; keep pointers, handles and numbers in "
                "it, nothing that owns memory");
  auto& tape = x.tape();
  if (!tape.recording()) return f(x);
  const bool saved = std::exchange(tape.node(x).saved, true);
  detail::Recomputation<S, D> first(tape);
  const Made<S, D> made = f(x);
  const Var<S, D> y = made.y, loss = made.loss.value_or(y);
  require(first.made(y) && first.made(loss),
          "recompute: the function must return what its own ops made, not a value from outside");
  require(!made.loss || loss.shape().size() == 1,
          "recompute: the function's own loss must have one element, its shape is ", loss.shape());
  first.forget(y);
  if (!tape.wanted({y, loss})) {
    tape.node(x).saved = saved;  // nothing will come back to it
    return made;
  }
  const Var<S, D> last = y.needs_gradient() ? y : loss;
  const bool bf16 = tape.bf16_products;
  const std::size_t from = first.nodes, to = first.end();
  tape.record(last, {last}, {x}, [=](Tape<S, D>& t) {
    const typename Tape<S, D>::Products as_before(t, bf16);
    detail::Recomputation<S, D>::require_alive(t, from, to);
    detail::Recomputation<S, D> again(t);
    const Made<S, D> more = f(x);
    require(more.loss.has_value() == made.loss.has_value(),
            "recompute: the function must make a loss at every call, or at none");
    again.hand_gradient(y, more.y);
    if (made.loss) again.hand_gradient(loss, *more.loss);
    again.walk_back();
    again.forget();
  });
  if (made.loss && y.needs_gradient())
    tape.record(loss, {loss}, {}, [=](Tape<S, D>& t) {
      require(t.node(y).has_gradient,
              "recompute: a block's own loss was walked back without its output; add both to the loss of the step");
    });
  return made;
}

}}  // namespace neutra::NEUTRA_ABI
