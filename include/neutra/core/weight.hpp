/// The description of a weight that a policy trains.
#pragma once

#include "neutra/core/shape.hpp"

#include <concepts>
#include <optional>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

/// The start value of a weight: drawn by the initialisation, or a constant such as 0.0 or 1.0.
class InitialValue {
 public:
  InitialValue() = default;
  template <std::floating_point T> InitialValue(T value) : value_(value) {}  // bool and int are not start values

  bool drawn() const { return !value_; }
  double value() const { return value_.value_or(0); }

 private:
  std::optional<double> value_;
};

/// A weight of every layer: its name in a file, its shape (outputs, inputs), and its start value.
struct Weight {
  std::string name;
  Shape shape;
  InitialValue start = {};
};

/// The total number of elements.
inline Index count(const std::vector<Weight>& weights) {
  Index total = 0;
  for (const Weight& weight : weights) total += weight.shape.size();
  return total;
}

/// The weights with a prefix before their names.
inline std::vector<Weight> prefixed(std::string_view prefix, std::vector<Weight> weights) {
  for (Weight& weight : weights) weight.name.insert(0, prefix);
  return weights;
}

}}  // namespace neutra::NEUTRA_ABI
