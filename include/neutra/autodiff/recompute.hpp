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

/// The gradient of a value becomes that of the same value, made again since `begin`.
template <Scalar S, Backend D> void move_gradient(Tape<S, D>& tape, Position begin, Var<S, D> from, Var<S, D> to) {
  auto &first = tape.node(from), &again = tape.node(to);
  require(tape.made_since(begin, to) && again.shape == first.shape && again.room == first.room &&
              again.dtype == first.dtype,
          "recompute: the function must make the same values at every call, got ", again.dtype, " ", again.shape,
          " after ", first.dtype, " ", first.shape);
  again.gradient = std::exchange(first.gradient, nullptr);
  again.has_gradient = std::exchange(first.has_gradient, false);
}

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
  const Position begin = tape.position();
  const Made<S, D> made = f(x);
  const Var<S, D> y = made.y, loss = made.loss.value_or(y);
  require(tape.made_since(begin, y) && tape.made_since(begin, loss),
          "recompute: the function must return what its own ops made, not a value from outside");
  require(!made.loss || loss.shape().size() == 1,
          "recompute: the function's own loss must have one element, its shape is ", loss.shape());
  tape.forget(begin, y);
  if (!tape.wanted({y, loss})) {
    tape.node(x).saved = saved;  // nothing will come back to it
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
    t.walk_back(again);
    t.forget(again);
    t.set_precision(now);
  });
  if (made.loss && y.needs_gradient())
    tape.record(loss, {loss}, {}, [=](Tape<S, D>& t) {
      require(t.node(y).has_gradient,
              "recompute: a block's own loss was walked back without its output; add both to the loss of the step");
    });
  return made;
}

}}  // namespace neutra::NEUTRA_ABI
