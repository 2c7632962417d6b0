/// Activation checkpointing: intermediate values are recomputed in the backward pass.
/// Chen et al. 2016, arXiv 1604.06174
#pragma once

#include "neutra/autodiff/tape.hpp"

#include <optional>
#include <type_traits>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI {

/// The result of a model block: its output, and its own local loss if it has one.
template <Scalar S, Backend D> struct Made {
  Var<S, D> y;
  std::optional<Var<S, D>> loss{};
};

namespace detail {

/// Moves the gradient of `from` to `to`, the value that the second run since `begin` made in its place.
template <Scalar S, Backend D> void move_gradient(Tape<S, D>& tape, Position begin, Var<S, D> from, Var<S, D> to) {
  auto &first = tape.node(from), &again = tape.node(to);
  require(tape.made_since(begin, to) && again.shape == first.shape && again.capacity == first.capacity &&
              again.dtype == first.dtype,
          "recompute: the function must make values of the same dtype and shape at every call, got ", again.dtype, " ",
          again.shape, " after ", first.dtype, " ", first.shape);
  again.gradient = std::exchange(first.gradient, nullptr);
  again.has_gradient = std::exchange(first.has_gradient, false);
}

}  // namespace detail

/// f(x); a recording tape stores only x, the output and the loss, and backward() runs f again before the backward pass
/// through it. f is evaluated twice; gradients are bit-identical to those without recomputation.
/// f: trivially copyable, from a Var to Made<S, D>. Its output and its loss (one element) must be made by its own ops.
/// Every call must make the same values, from weights and inputs that do not change in the step and outlive it.
/// Error: an output or loss that f did not make, or a loss of several elements; in backward(), other values than in the
/// first call, or a loss whose backward pass does not include the output.
template <Scalar S, Backend D, class F> Made<S, D> recompute(Var<S, D> x, const F& f) {
  static_assert(std::is_trivially_copyable_v<F>,
                "neutra: the function of recompute must be trivially copyable; capture pointers, handles and numbers, "
                "nothing that owns memory");
  auto& tape = x.tape();
  if (!tape.recording()) return f(x);
  const bool saved = std::exchange(tape.node(x).saved, true);
  const Position begin = tape.position();
  const Made<S, D> made = f(x);
  const Var<S, D> y = made.y, loss = made.loss.value_or(y);
  require(tape.made_since(begin, y) && tape.made_since(begin, loss),
          "recompute: the function must return values that its own ops made, not captured ones");
  require(!made.loss || loss.shape().size() == 1,
          "recompute: the function's own loss must have one element, its shape is ", loss.shape());
  tape.forget(begin, y);
  if (!tape.wanted({y, loss})) {
    tape.node(x).saved = saved;  // no backward pass will read it
    return made;
  }
  const Var<S, D> last = y.needs_gradient() ? y : loss;
  const DType precision = tape.precision();
  const Position end = tape.position();
  tape.record(last, {last}, {x}, [=](Tape<S, D>& t) {
    const DType now = t.precision();
    t.set_precision(precision);
    t.require_alive(begin, end);
    const Position again = t.position();
    const Made<S, D> more = f(x);
    require(more.loss.has_value() == made.loss.has_value(),
            "recompute: the function must make a loss at every call, or at none");
    detail::move_gradient(t, again, y, more.y);
    if (made.loss) detail::move_gradient(t, again, loss, *more.loss);
    t.run_backward(again);
    t.forget(again);
    t.set_precision(now);
  });
  if (made.loss && y.needs_gradient())
    tape.record(loss, {loss}, {}, [=](Tape<S, D>& t) {
      require(t.node(y).has_gradient,
              "recompute: the backward pass reached a block's own loss but not its output; add both to the loss of the "
              "step");
    });
  return made;
}

}}  // namespace neutra::NEUTRA_ABI
