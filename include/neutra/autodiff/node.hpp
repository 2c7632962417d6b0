/// A value on a tape.
#pragma once

#include "neutra/autodiff/frozen.hpp"
#include "neutra/autodiff/parameter.hpp"

#include <algorithm>
#include <cstdint>
#include <type_traits>

namespace neutra { inline namespace NEUTRA_ABI {

/// A value on a tape: its numbers and those of its gradient, wherever they lie.
template <Scalar S, Backend D> struct Node {
  void* value = nullptr;  // numbers of `dtype`; so is the gradient
  void* gradient = nullptr;
  DType dtype = dtype_of<S>;
  Shape shape{};
  Index room = 0;  // rows there is memory for; more than shape.rows() where the number of rows varies from step to step
  Parameter<S, D>* parameter = nullptr;
  const Frozen<S, D>* frozen = nullptr;
  Life::Token alive{};  // of the weight, or whatever else this stands for; null where the tape owns the memory or a
                        // caller does
  std::uint32_t filling = 0;  // 1 + its place among fillings, 0 where it cannot be filled again
  bool needs_gradient = false, has_gradient = false, owned = false, saved = false;

  /// A trainable weight; its gradient goes to the parameter, if one is `wanted`.
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
  /// A weight that never changes.
  static Node of(const Frozen<S, D>& weight) {
    Node node;
    node.shape = weight.shape();
    node.frozen = &weight;
    node.alive = weight.life.token();
    return node;
  }
  /// Numbers from outside; `gradient` receives theirs if it is given and `wanted`.
  static Node of(View<const S> numbers, S* gradient, bool wanted) {
    Node node;
    node.value = const_cast<S*>(numbers.data);
    node.shape = numbers.shape;
    node.gradient = gradient;
    node.needs_gradient = wanted && gradient != nullptr;
    return node;
  }

  /// A loss, or another single number: it stays.
  bool is_number() const { return shape.size() == 1 && room <= 1; }
  std::size_t bytes() const {
    const Index elements = checked_product(std::max(room, shape.rows()), shape.cols(), "Tape");
    return static_cast<std::size_t>(checked_product(elements, static_cast<Index>(size_of(dtype)), "Tape"));
  }
  /// Error: what it stands for is gone.
  void require_alive() const {
    require(!alive || *alive, "Tape: a weight or table of shape ", shape,
            " was destroyed or moved before the step was over; keep the model where it is until backward() has ended");
  }
  /// The numbers, or those of the gradient. Error: they are not of T.
  template <StorageOf<S> T, class Memory> T* numbers(Memory* memory) const {
    require(dtype == dtype_of<std::remove_const_t<T>>, "Tape: a value of shape ", shape, " is stored as ", dtype,
            " and was asked for as ", dtype_of<std::remove_const_t<T>>, "; let the op that made it store it so");
    return static_cast<T*>(memory);
  }
};

}}  // namespace neutra::NEUTRA_ABI
