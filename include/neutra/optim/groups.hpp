/// Parameter groups: options of the optimizer for some of the parameters.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/shape.hpp"

#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace optim {

/// Options for the parameters that a predicate accepts; what is not set is as for other parameters.
///     {.name = "gate", .rate_factor = 0.1}                          the gates of all layers, and their own parameters
///     {.name = "gate.temperature", .weight_decay = 0}
///     {.name = "vectors", .frozen = true, .holds = [](auto, const Shape& shape) { return shape.rank() == 1; }}
struct ParameterGroup {
  /// Without `holds`: a part of the names of its parameters, between points or at an end. "gate" is a part of
  /// "adapter.0.gate" and of "adapter.0.gate.temperature", but not of "adapter.0.gate_proj".
  std::string name{};
  std::optional<double> rate_factor{};   // the learning rate of each step is multiplied by it
  std::optional<double> weight_decay{};  // of matrices and vectors alike
  std::optional<bool> frozen{};          // constant: no gradient, no update, no part in the gradient norm
  std::function<bool(std::string_view name, const Shape& shape)> holds{};

  bool contains(std::string_view parameter, const Shape& shape) const {
    if (holds) return holds(parameter, shape);
    return concat('.', parameter, '.').find(concat('.', name, '.')) != std::string::npos;
  }
  /// Error: no name; a number out of range.
  void check() const {
    require(!name.empty(), "parameter group: it must have a name, got an empty one");
    for (const auto& [what, value] : {std::pair{"rate_factor", rate_factor}, {"weight_decay", weight_decay}})
      require(!value || (*value >= 0 && std::isfinite(*value)), "parameter group '", name, "': ", what,
              " must not be negative, got ", value.value_or(0));
  }
};

/// An option of a parameter: that of the first group which contains the parameter and sets the option.
template <class T>
std::optional<T> option_of(const std::vector<ParameterGroup>& groups, std::optional<T> ParameterGroup::*option,
                           std::string_view name, const Shape& shape) {
  for (const ParameterGroup& group : groups)
    if (group.*option && group.contains(name, shape)) return group.*option;
  return std::nullopt;
}

}}}  // namespace neutra::NEUTRA_ABI::optim
