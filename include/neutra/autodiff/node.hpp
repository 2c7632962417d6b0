/// A value on a tape.
#pragma once

#include "neutra/autodiff/frozen.hpp"
#include "neutra/autodiff/parameter.hpp"

#include <algorithm>
#include <cstdint>
#include <type_traits>

namespace neutra { inline namespace NEUTRA_ABI {

/// The record of a value on a tape: where its elements and their gradient are stored, and who owns that memory.
template <Scalar S, Backend D> struct Node {
  void* value = nullptr;  // elements of type `dtype`, as in the gradient
  void* gradient = nullptr;
  DType dtype = dtype_of<S>;
  Shape shape{};
  // Capacity in rows; larger than shape.rows() if the number of rows varies from step to step.
  Index capacity = 0;
  Parameter<S, D>* parameter = nullptr;
  const Frozen<S, D>* frozen = nullptr;
  // The lifetime of a weight or table; null if the tape or the caller owns the memory.
  Life::Token alive{};
  // 1 + the index of the function that rematerialises the value (see Tape::rematerialise), 0 if there is none.
  std::uint32_t rematerialised = 0;
  bool needs_gradient = false, has_gradient = false, owned = false, saved = false;

  /// A trainable weight; its gradient accumulates in the parameter if `wanted`.
  static Node of(Parameter<S, D>& parameter, bool wanted) {
    Node node;
    node.value = parameter.value.data();
    node.gradient = parameter.gradient.data();
    node.shape = parameter.value.shape();
    node.parameter = &parameter;
    node.alive = parameter.life.token();
    node.needs_gradient = wanted;
    return node;
  }
  /// A frozen weight.
  static Node of(const Frozen<S, D>& weight) {
    Node node;
    node.shape = weight.shape();
    if (weight.rows()) node.dtype = weight.rows()->dtype;
    node.frozen = &weight;
    node.alive = weight.life.token();
    return node;
  }
  /// Caller-owned elements; `gradient`, if given and `wanted`, receives their gradient.
  static Node of(View<const S> numbers, S* gradient, bool wanted) {
    Node node;
    node.value = const_cast<S*>(numbers.data);
    node.shape = numbers.shape;
    node.gradient = gradient;
    node.needs_gradient = wanted && gradient != nullptr;
    return node;
  }

  /// Whether it is a scalar, such as a loss; scalars are not released before the next step.
  bool is_number() const { return shape.size() == 1 && capacity <= 1; }
  std::size_t bytes() const {
    const Index elements = checked_product(std::max(capacity, shape.rows()), shape.cols(), "Tape");
    return static_cast<std::size_t>(checked_product(elements, static_cast<Index>(size_of(dtype)), "Tape"));
  }
  /// Error: the weight or table no longer exists.
  void require_alive() const {
    require(!alive || *alive, "Tape: a weight or table of shape ", shape,
            " was destroyed or moved before the end of the step; neither destroy nor move the model until backward() "
            "has returned");
  }
  /// `memory`, the value or gradient of this node, as T*. Error: it is not stored as T.
  template <StorageOf<S> T, class Memory> T* numbers(Memory* memory) const {
    require(dtype == dtype_of<std::remove_const_t<T>>, "Tape: a value of shape ", shape, " is stored as ", dtype,
            " and was asked for as ", dtype_of<std::remove_const_t<T>>,
            "; set the storage dtype in the op that made it");
    return static_cast<T*>(memory);
  }
};

}}  // namespace neutra::NEUTRA_ABI
