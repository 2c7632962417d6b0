/// The values of a step as ops and their closures see them.
#pragma once

#include "neutra/autodiff/values.hpp"
#include "neutra/autodiff/var.hpp"

#include <cstdint>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace detail {

/// The part of a Tape that reads and writes numbers: of outputs, inputs and their gradients.
template <Scalar S, Backend D> class StepValues {
 public:
  using Node = neutra::Node<S, D>;

  /// Error: a Var of another tape or step.
  const Node& node(Var<S, D> x) const {
    require(x.tape_ == static_cast<const Tape<S, D>*>(this), "Tape: a Var of ", x.tape_ ? "another tape" : "no tape",
            " was used; the inputs of an op must lie on one tape");
    require(x.step_ == step_, "Tape: a Var of step ", x.step_, " was used in step ", step_,
            "; Vars live until the next start(), make it anew");
    return values_[x.index_];
  }
  Node& node(Var<S, D> x) { return const_cast<Node&>(std::as_const(*this).node(x)); }
  /// Made again where it is not there and can be. Error: it is gone.
  template <class T = S> View<const T> value(Var<S, D> x) {
    const void* value = value_of(x);
    return {node(x).template numbers<const T>(value), node(x).shape};
  }
  /// The same, or in a closure the gradient of an op's output, as an operand of products: numbers of S are rounded to
  /// `precision` as they are multiplied.
  Operand<S> operand(Var<S, D> x, DType precision) {
    const void* value = value_of(x);
    return {AnyView<S>(value, node(x).shape, node(x).dtype), precision};
  }
  Operand<S> gradient_operand(Var<S, D> y, DType precision) const {
    return {AnyView<S>(node(y).gradient, node(y).shape, node(y).dtype), precision};
  }
  /// The weight behind a constant, else null.
  const Frozen<S, D>* frozen(Var<S, D> x) const {
    const Node& n = node(x);
    if (n.frozen) n.require_alive();
    return n.frozen;
  }

  // ---- for ops

  Index room(Var<S, D> x) const { return node(x).room; }
  template <class T = S> View<T> out(Var<S, D> y) {
    return {node(y).template numbers<T>(node(y).value), node(y).shape};
  }
  /// The same for a product, whatever its storage type.
  Result<S> result(Var<S, D> y) { return AnyView<S, void>(node(y).value, node(y).shape, node(y).dtype); }

  /// Device memory that lives until the next start(): row statistics, index lists.
  template <class T> T* memory(Index count) {
    return static_cast<T*>(values_.scratch(static_cast<std::size_t>(checked_product(count, sizeof(T), "Tape"))));
  }

  /// In a closure: the gradient of the op's output.
  template <class T = S> View<const T> gradient(Var<S, D> y) const {
    return {node(y).template numbers<T>(node(y).gradient), node(y).shape};
  }

  /// In a closure: where the gradient of an input goes; false if none is wanted. Asking is promising to write all of
  /// it.
  template <class T = S> Into<T> into(Var<S, D> x) {
    const Result<S> gradient = gradient_result(x);
    if (!gradient) return {};
    return {{node(x).template numbers<T>(gradient.view.data), node(x).shape}, gradient.add};
  }
  /// The same for a product, whatever its storage type.
  Result<S> gradient_result(Var<S, D> x) {
    Node& n = node(x);
    if (!n.needs_gradient) return {};
    n.require_alive();
    void* const gradient = values_.gradient(n);
    bool& has = n.parameter ? n.parameter->has_gradient : n.has_gradient;
    return {AnyView<S, void>(gradient, n.shape, n.dtype), std::exchange(has, true)};
  }

  /// In a closure, as its last use of gradient(y): dy as a contribution to x, of the same shape. Its memory changes
  /// hands where nothing came to x before; false where something did, or nothing is wanted, and the closure has to add.
  bool hand_over(Var<S, D> y, Var<S, D> x) {
    Node &from = node(y), &to = node(x);
    if (!to.needs_gradient || to.gradient || !to.owned || !from.owned || from.dtype != to.dtype ||
        from.bytes() != to.bytes())
      return false;
    to.gradient = std::exchange(from.gradient, nullptr);
    to.has_gradient = true;
    return true;
  }

  /// Bytes of the pool, in use or kept for the next step.
  std::size_t memory_held() const { return values_.total(); }

 protected:
  StepValues() = default;
  const void* value_of(Var<S, D> x) {
    node(x);  // its Errors come first
    return values_.value_at(x.index_, static_cast<Tape<S, D>&>(*this));
  }
  Var<S, D> push(const Node& node) { return Var<S, D>(static_cast<Tape<S, D>*>(this), values_.push(node), step_); }

  Values<S, D> values_;
  std::uint32_t step_ = 0;
};

}}}  // namespace neutra::NEUTRA_ABI::detail
