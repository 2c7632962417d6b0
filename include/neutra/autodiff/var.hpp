/// What ops take and give.
#pragma once

#include "neutra/autodiff/frozen.hpp"

#include <cstdint>
#include <type_traits>

namespace neutra { inline namespace NEUTRA_ABI {

template <Scalar S, Backend D> class Tape;
namespace detail {
template <Scalar S, Backend D> class StepValues;  // of a tape
}

/// A handle to a value on a tape: index and step number. Using one from an earlier step is an Error.
template <Scalar S, Backend D> class Var {
 public:
  Var() = default;
  /// Refused, in one sentence. Ops take the scalar and device from their first Var, and the others as
  /// std::type_identity_t<Var<S, D>>: one of another type comes here.
  template <class T, class E> Var(const Var<T, E>&) {
    static_assert(std::is_same_v<Var<T, E>, Var>,
                  "neutra: the Vars of an op must be of one scalar and one device; make their tape, parameters and "
                  "inputs all float or all double");
  }
  Tape<S, D>& tape() const {
    require(tape_ != nullptr, "Var: this handle was never given a value; assign it the result of an op");
    return *tape_;
  }
  /// Its numbers, of T as they are stored.
  template <class T = S> View<const T> value() const { return tape().template value<T>(*this); }
  const Shape& shape() const { return tape().node(*this).shape; }
  /// How its numbers, and those of its gradient, lie in memory.
  DType dtype() const { return tape().node(*this).dtype; }
  bool needs_gradient() const { return tape().node(*this).needs_gradient; }
  /// The weight behind a constant that was made from one, else null; products then use its packed form.
  const Frozen<S, D>* frozen() const { return tape().frozen(*this); }
  /// The number itself, of a value with one element.
  S item() const {
    require(shape().size() == 1, "item: the value must have one element, its shape is ", shape());
    return D::template read<S>(value().data);
  }

 private:
  friend class Tape<S, D>;
  friend class detail::StepValues<S, D>;
  Var(Tape<S, D>* tape, std::uint32_t index, std::uint32_t step) : tape_(tape), index_(index), step_(step) {}
  Tape<S, D>* tape_ = nullptr;
  std::uint32_t index_ = 0, step_ = 0;
};

}}  // namespace neutra::NEUTRA_ABI
