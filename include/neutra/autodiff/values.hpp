/// The values of a step and their memory: who owns it, whether a backward reads it, and what can be filled again
/// instead of kept.
#pragma once

#include "neutra/autodiff/closure.hpp"
#include "neutra/autodiff/frozen.hpp"
#include "neutra/autodiff/parameter.hpp"
#include "neutra/autodiff/pool.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

template <Scalar S, Backend D> class Tape;

namespace detail {

template <Scalar S, Backend D> class Values {
 public:
  struct Node {
    void* value = nullptr;  // numbers of `dtype`; so is the gradient
    void* gradient = nullptr;
    DType dtype = dtype_of<S>;
    Shape shape{};
    Index room =
        0;  // rows there is memory for; more than shape.rows() where the number of rows varies from step to step
    Parameter<S, D>* parameter = nullptr;
    const Frozen<S, D>* frozen = nullptr;
    Life::Token alive{};  // of the weight, or whatever else this stands for; null where the tape owns the memory or a
                          // caller does
    std::uint32_t filling = 0;  // 1 + its place among fillings, 0 where it cannot be filled again
    bool needs_gradient = false, has_gradient = false, owned = false, saved = false;
  };

 protected:
  using Inputs = std::array<std::uint32_t, 2>;  // the same twice where there is one

  void clear() {
    for (Node& node : nodes_) release(node);
    nodes_.clear();
    fillings_.clear();
  }

  void can_fill_again(std::uint32_t index, Inputs inputs, const Closure<Tape<S, D>>& forward) {
    int depth = 1;
    for (const std::uint32_t x : inputs)
      if (nodes_[x].filling) depth = std::max(depth, 1 + fillings_[nodes_[x].filling - 1].depth);
    fillings_.push_back({inputs, depth, forward});
    nodes_[index].filling = static_cast<std::uint32_t>(fillings_.size());
  }

  /// Filled again where it is not there and can be. Error: it is gone.
  const void* value_at(std::uint32_t index, Tape<S, D>& tape) {
    if (!nodes_[index].value && nodes_[index].filling) {
      const Filling filling = fillings_[nodes_[index].filling - 1];
      for (const std::uint32_t x : filling.inputs) value_at(x, tape);  // an Error leaves this value as it was
      nodes_[index].value = pool_.acquire(bytes(nodes_[index]));
      filling.forward(tape);
    }
    const Node& n = nodes_[index];
    require_alive(n);
    if (n.frozen) return n.frozen->value().data();
    require(
        n.value != nullptr || n.shape.size() == 0, "Tape: a value of shape ", n.shape,
        " was read after its scope or the backward pass released it; read it before, or return it through Scope::keep");
    return n.value;
  }

  /// At the end of a scope: what no backward reads goes; so does what can be filled again from values that stay anyway.
  void end_of_scope(Node& node) {
    if (!node.owned || !node.value || is_number(node)) return;
    if (!node.saved) return release_value(node);
    if (!node.filling) return;
    const Filling& filling = fillings_[node.filling - 1];
    const auto stays = [&](std::uint32_t x) {
      return !nodes_[x].owned || nodes_[x].filling || (nodes_[x].saved && nodes_[x].value);
    };
    if (filling.depth > most_fillings || !std::all_of(filling.inputs.begin(), filling.inputs.end(), stays)) return;
    for (const std::uint32_t x : filling.inputs) nodes_[x].saved = true;
    pool_.release(std::exchange(node.value, nullptr), bytes(node));
  }

  void release(Node& node) {
    release_value(node);
    if (node.owned && node.gradient) pool_.release(std::exchange(node.gradient, nullptr), bytes(node));
  }

  /// Error: what the node stands for is gone.
  static void require_alive(const Node& node) {
    require(!node.alive || *node.alive, "Tape: a weight or table of shape ", node.shape,
            " was destroyed or moved before the step was over; keep the model where it is until backward() has ended");
  }

  static std::size_t bytes(const Node& node) {
    const Index elements = checked_product(std::max(node.room, node.shape.rows()), node.shape.cols(), "Tape");
    return static_cast<std::size_t>(checked_product(elements, static_cast<Index>(size_of(node.dtype)), "Tape"));
  }
  /// A loss, or another single number: it stays.
  static bool is_number(const Node& node) { return node.shape.size() == 1 && node.room <= 1; }

  Pool<D> pool_;
  std::vector<Node> nodes_;

 private:
  static constexpr int most_fillings = 8;  // in a row: a longer chain is kept from there on
  struct Filling {
    Inputs inputs;
    int depth;  // of fillings that fill one another
    Closure<Tape<S, D>> forward;
  };

  void release_value(Node& node) {
    node.filling = 0;
    if (node.owned && node.value) pool_.release(std::exchange(node.value, nullptr), bytes(node));
  }

  std::vector<Filling> fillings_;
};

}  // namespace detail
}}  // namespace neutra::NEUTRA_ABI
