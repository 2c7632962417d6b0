/// Access to the values of a step, for ops and their closures.
#pragma once

#include "neutra/autodiff/values.hpp"
#include "neutra/autodiff/var.hpp"

#include <cstdint>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace detail {

/// The part of a Tape that accesses elements: of outputs, inputs and their gradients.
template <Scalar S, Backend D> class StepValues {
 public:
  using Node = neutra::Node<S, D>;

  /// Error: a Var of another tape or step.
  const Node& node(Var<S, D> x) const {
    require(x.tape_ == static_cast<const Tape<S, D>*>(this), "Tape: a Var of ", x.tape_ ? "another tape" : "no tape",
            " was used; the inputs of an op must be on one tape");
    require(x.step_ == step_, "Tape: a Var of step ", x.step_, " was used in step ", step_,
            "; a Var is valid until the next start(), make a new one");
    return values_[x.index_];
  }
  Node& node(Var<S, D> x) { return const_cast<Node&>(std::as_const(*this).node(x)); }
  /// The elements of x, rematerialised if necessary. Error: they were released.
  template <class T = S> View<const T> value(Var<S, D> x) {
    const void* value = value_of(x);
    return {node(x).template numbers<const T>(value), node(x).shape};
  }
  /// The value of x as a matmul operand, rematerialised if necessary; matmul rounds elements of S to `precision`.
  Operand<S> operand(Var<S, D> x, DType precision) {
    const void* value = value_of(x);
    return {AnyView<S>(value, node(x).shape, node(x).dtype), precision};
  }
  /// In a closure: the gradient of output y as a matmul operand.
  Operand<S> gradient_operand(Var<S, D> y, DType precision) const {
    return {AnyView<S>(node(y).gradient, node(y).shape, node(y).dtype), precision};
  }
  /// The frozen weight that x stands for, or null. Error: the weight no longer exists.
  const Frozen<S, D>* frozen(Var<S, D> x) const {
    const Node& n = node(x);
    if (n.frozen) n.require_alive();
    return n.frozen;
  }

  // ---- for ops

  /// The capacity of x in rows, for row-wise outputs and scratch memory.
  Index capacity(Var<S, D> x) const { return node(x).capacity; }
  /// The memory of output y, to be written in full.
  template <class T = S> View<T> out(Var<S, D> y) {
    return {node(y).template numbers<T>(node(y).value), node(y).shape};
  }
  /// The memory of y as the destination of a matmul, in the storage dtype of y.
  Result<S> result(Var<S, D> y) { return AnyView<S, void>(node(y).value, node(y).shape, node(y).dtype); }

  /// Scratch memory on the device until the next start(): row statistics, index lists.
  template <class T> T* memory(Index count) {
    return static_cast<T*>(values_.scratch(static_cast<std::size_t>(checked_product(count, sizeof(T), "Tape"))));
  }

  /// In a closure: the gradient of the op's output.
  template <class T = S> View<const T> gradient(Var<S, D> y) const {
    return {node(y).template numbers<T>(node(y).gradient), node(y).shape};
  }

  /// In a closure: the destination of the gradient of an input, and whether to overwrite it or add; false if none is
  /// wanted. The caller must then write all of it.
  template <class T = S> Into<T> into(Var<S, D> x) {
    const Result<S> gradient = gradient_result(x);
    if (!gradient) return {};
    return {{node(x).template numbers<T>(gradient.view.data), node(x).shape}, gradient.add};
  }
  /// into(x) as the destination of a matmul, in the storage dtype of x.
  Result<S> gradient_result(Var<S, D> x) {
    Node& n = node(x);
    if (!n.needs_gradient) return {};
    n.require_alive();
    void* const gradient = values_.gradient(n);
    bool& has = n.parameter ? n.parameter->has_gradient : n.has_gradient;
    return {AnyView<S, void>(gradient, n.shape, n.dtype), std::exchange(has, true)};
  }

  /// Moves the gradient of y to x of the same shape, as the last use of gradient(y) in a closure; no element is copied.
  /// Returns false, and moves nothing, if x already has a contribution or wants none, or if the storage differs; the
  /// closure then adds the gradient itself.
  bool move_gradient(Var<S, D> y, Var<S, D> x) {
    Node &from = node(y), &to = node(x);
    if (!to.needs_gradient || to.gradient || !to.owned || !from.owned || from.dtype != to.dtype ||
        from.bytes() != to.bytes())
      return false;
    to.gradient = std::exchange(from.gradient, nullptr);
    to.has_gradient = true;
    return true;
  }

  /// Bytes of the pool, in use or free.
  std::size_t memory_held() const { return values_.total(); }

 protected:
  StepValues() = default;
  const void* value_of(Var<S, D> x) {
    node(x);  // checks the tape and the step first
    return values_.value_at(x.index_, static_cast<Tape<S, D>&>(*this));
  }
  Var<S, D> push(const Node& node) { return Var<S, D>(static_cast<Tape<S, D>*>(this), values_.push(node), step_); }

  Values<S, D> values_;
  std::uint32_t step_ = 0;
};

}}}  // namespace neutra::NEUTRA_ABI::detail
