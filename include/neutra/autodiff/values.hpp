/// The values of a step and their memory: its owner, whether a backward reads it, and whether it can be rematerialised.
#pragma once

#include "neutra/autodiff/closure.hpp"
#include "neutra/autodiff/node.hpp"
#include "neutra/autodiff/pool.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

template <Scalar S, Backend D> class Tape;

/// A position on a tape; splits its values, scratch blocks and records into those before and those after.
struct Position {
  std::size_t values = 0, scratch = 0, records = 0;
};

template <Scalar S, Backend D> class Values {
 public:
  using Node = neutra::Node<S, D>;
  using Inputs = std::array<std::uint32_t, 2>;  // one input is listed twice

  Node& operator[](std::size_t index) { return values_[index]; }
  const Node& operator[](std::size_t index) const { return values_[index]; }
  Position position() const { return {values_.size(), scratch_.size()}; }
  /// Bytes allocated, in use or free.
  std::size_t total() const { return pool_.total(); }

  /// Starts a new step: releases all values and scratch memory.
  void clear() {
    for (Node& value : values_) release(value);
    values_.clear();
    rematerialised_.clear();
    release_scratch(0);
    pool_.next_step();
  }

  std::uint32_t push(const Node& value) {
    values_.push_back(value);
    values_.back().capacity = std::max(value.capacity, value.shape.rows());
    return static_cast<std::uint32_t>(values_.size() - 1);
  }
  /// Allocates tape-owned memory for a value.
  void own(Node& value) {
    value.owned = true;
    value.value = pool_.acquire(value.bytes());
  }
  /// The gradient of a value; allocated by the first call.
  void* gradient(Node& value) {
    if (!value.gradient) value.gradient = pool_.acquire(value.bytes());
    return value.gradient;
  }
  /// Scratch memory until the next step.
  void* scratch(std::size_t bytes) {
    void* memory = pool_.acquire(bytes);  // before scratch_ grows: a failed allocation must not be released to the pool
    scratch_.push_back({memory, bytes});
    return memory;
  }

  /// Registers `forward`, which rematerialises the value at `index` from `inputs`.
  void can_rematerialise(std::uint32_t index, Inputs inputs, const Closure<Tape<S, D>>& forward) {
    int depth = 1;
    for (const std::uint32_t x : inputs)
      if (values_[x].rematerialised) depth = std::max(depth, 1 + rematerialised_[values_[x].rematerialised - 1].depth);
    rematerialised_.push_back({inputs, depth, forward});
    values_[index].rematerialised = static_cast<std::uint32_t>(rematerialised_.size());
  }

  /// The memory of a value, rematerialised if necessary. Error: it was released.
  const void* value_at(std::uint32_t index, Tape<S, D>& tape) {
    if (!values_[index].value && values_[index].rematerialised) {
      const Rematerialised rematerialised = rematerialised_[values_[index].rematerialised - 1];
      for (const std::uint32_t x : rematerialised.inputs) value_at(x, tape);  // on an Error this value is unchanged
      values_[index].value = pool_.acquire(values_[index].bytes());
      rematerialised.forward(tape);
    }
    const Node& n = values_[index];
    n.require_alive();
    if (n.frozen) return n.frozen->row_major().data;
    require(n.value != nullptr || n.shape.size() == 0, "Tape: a value of shape ", n.shape,
            " was read after its scope or the backward pass released it; read it earlier, or return it through "
            "Scope::keep");
    return n.value;
  }

  /// Ends the scope of a value: releases it if no backward reads it, or if it can be rematerialised from values that
  /// remain in memory anyway.
  void end_of_scope(Node& value) {
    if (!value.owned || !value.value || value.is_number()) return;
    if (!value.saved) return release_value(value);
    if (!value.rematerialised) return;
    const Rematerialised& rematerialised = rematerialised_[value.rematerialised - 1];
    const auto stays = [&](std::uint32_t x) {
      return !values_[x].owned || values_[x].rematerialised || (values_[x].saved && values_[x].value);
    };
    if (rematerialised.depth > most_rematerialised ||
        !std::all_of(rematerialised.inputs.begin(), rematerialised.inputs.end(), stays))
      return;
    for (const std::uint32_t x : rematerialised.inputs) values_[x].saved = true;
    pool_.release(std::exchange(value.value, nullptr), value.bytes());
  }

  void release(Node& value) {
    release_value(value);
    if (value.owned && value.gradient) pool_.release(std::exchange(value.gradient, nullptr), value.bytes());
  }
  void release_scratch(std::size_t from) {
    for (std::size_t at = from; at < scratch_.size(); ++at) pool_.release(scratch_[at].memory, scratch_[at].bytes);
    scratch_.resize(from);
  }

 private:
  // The longest chain of rematerialised values; a value that would extend it is stored.
  static constexpr int most_rematerialised = 8;
  struct Rematerialised {
    Inputs inputs;
    int depth;  // the length of the chain of rematerialised values that it reads, itself included
    Closure<Tape<S, D>> forward;
  };
  struct Scratch {
    void* memory = nullptr;
    std::size_t bytes = 0;
  };

  void release_value(Node& value) {
    value.rematerialised = 0;
    if (value.owned && value.value) pool_.release(std::exchange(value.value, nullptr), value.bytes());
  }

  Pool<D> pool_;
  std::vector<Node> values_;
  std::vector<Rematerialised> rematerialised_;
  std::vector<Scratch> scratch_;
};

}}  // namespace neutra::NEUTRA_ABI
