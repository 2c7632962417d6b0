/// What a policy says of a weight that it trains.
#pragma once

#include "neutra/core/shape.hpp"

#include <concepts>
#include <optional>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

/// How a weight starts: drawn by the initialisation, or at one value everywhere, such as 0.0 or 1.0.
class Start {
 public:
  Start() = default;
  template <std::floating_point T> Start(T value) : value_(value) {}  // a bool or int is no value to start at

  bool drawn() const { return !value_; }
  double value() const { return value_.value_or(0); }

 private:
  std::optional<double> value_;
};

/// A weight of every layer: its name in a file, its shape (outputs, inputs), and how it starts.
struct Weight {
  std::string name;
  Shape shape;
  Start start = {};
};

/// Elements of all of them.
inline Index count(const std::vector<Weight>& weights) {
  Index total = 0;
  for (const Weight& weight : weights) total += weight.shape.size();
  return total;
}

/// The same weights with a prefix to their names.
inline std::vector<Weight> prefixed(std::string_view prefix, std::vector<Weight> weights) {
  for (Weight& weight : weights) weight.name.insert(0, prefix);
  return weights;
}

}}  // namespace neutra::NEUTRA_ABI
