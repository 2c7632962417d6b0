/// Handles to values on a tape: the arguments and results of ops.
#pragma once

#include "neutra/autodiff/frozen.hpp"

#include <cstdint>
#include <type_traits>

namespace neutra { inline namespace NEUTRA_ABI {

template <Scalar S, Backend D> class Tape;
namespace detail {
template <Scalar S, Backend D> class StepValues;  // the part of a tape that accesses elements
}

/// A handle to a value on a tape: index and step number. Using one from an earlier step is an Error.
template <Scalar S, Backend D> class Var {
 public:
  Var() = default;
  /// Rejects a Var of another scalar or device with a readable message. Ops deduce scalar and device from their first
  /// Var, and take the others as std::type_identity_t<Var<S, D>>; a mismatch selects this constructor.
  template <class T, class E> Var(const Var<T, E>&) {
    static_assert(std::is_same_v<Var<T, E>, Var>,
                  "neutra: the Vars of an op must be of one scalar and one device; make their tape, parameters and "
                  "inputs all float or all double");
  }
  Tape<S, D>& tape() const {
    require(tape_ != nullptr, "Var: this handle was never given a value; assign it the result of an op");
    return *tape_;
  }
  /// The elements, stored as T.
  template <class T = S> View<const T> value() const { return tape().template value<T>(*this); }
  const Shape& shape() const { return tape().node(*this).shape; }
  /// The storage dtype of the value and its gradient.
  DType dtype() const { return tape().node(*this).dtype; }
  bool needs_gradient() const { return tape().node(*this).needs_gradient; }
  /// The frozen weight that this Var stands for, or null; matmul then uses its packed form.
  const Frozen<S, D>* frozen() const { return tape().frozen(*this); }
  /// The value of a Var with one element.
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
