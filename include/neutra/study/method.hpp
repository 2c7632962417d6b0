/// What a study compares: a method is a value.
#pragma once

#include "neutra/adapter/none.hpp"
#include "neutra/io/utf8.hpp"
#include "neutra/optim/groups.hpp"
#include "neutra/study/shorthands.hpp"
#include "neutra/train/regulariser.hpp"

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// An adapter under a label, with the rates and alphas to try:
///     Method{.label = "mine", .adapter = adapter::Residue<MyGate>{.capacity = 0.1}, .rates = {1e-3, 3e-3}}
struct Method {
  std::string label{};  // of its rows, tables and run folders; unique within a study
  train::Adapter adapter = adapter::None{};
  Trains trains = Trains::adapter;
  /// Learning rates and weights of the local loss to try; of several, one is selected. Empty: those of the study.
  std::vector<double> rates{}, alphas{};
  Settings settings{};  // more settings for its rows, besides those of the adapter
  /// Options of the optimizer for some of its parameters, recorded in a row as rate_factor.NAME, weight_decay.NAME and
  /// frozen.NAME:
  ///     {{.name = "gate", .rate_factor = 0.1}}
  std::vector<optim::ParameterGroup> groups{};
  /// Additions to its training, recorded in a row by their settings:
  ///     {train::regulariser::L2Sp{.weight = 0.1}}
  std::vector<train::Regulariser> regularisers{};

  /// Whether its groups freeze a parameter.
  bool freezes(std::string_view name, const Shape& shape) const {
    return optim::option_of(groups, &optim::ParameterGroup::frozen, name, shape).value_or(false);
  }
  /// Whether its adapter has a local loss, and so an alpha.
  bool has_alpha() const { return adapter.local_loss().has_value(); }
  /// Everything that distinguishes it from another method of the same label.
  Settings all_settings() const {
    Settings all = adapter.settings();
    all.insert(settings.begin(), settings.end());
    all["trains"] = trains == Trains::model ? "model" : "adapter";
    for (const optim::ParameterGroup& group : groups) {
      if (group.rate_factor) all["rate_factor." + group.name] = *group.rate_factor;
      if (group.weight_decay) all["weight_decay." + group.name] = *group.weight_decay;
      if (group.frozen) all["frozen." + group.name] = *group.frozen;
    }
    for (const train::Regulariser& one : regularisers) all.insert(one.settings().begin(), one.settings().end());
    return all;
  }
};

/// Error: a label that is empty, longer than 160 bytes, or contains control characters or invalid UTF-8.
inline void check_label(const std::string& label) {
  require(!label.empty(), "a method must have a label; give it one");
  require(io::printable_whole(label) == label, "the label '", io::printable(label),
          "' must hold no control characters and be UTF-8");
  require(label.size() <= 160, "the label '", io::printable(label), "' must have at most 160 bytes, got ",
          label.size());
}

/// Error: a parameter group that is not valid, or a name that two groups or two regularisers have: a row could not tell
/// them apart.
inline void check_groups_named(const Method& method) {
  std::set<std::string> names;
  for (const train::Regulariser& one : method.regularisers)
    require(names.insert(one.name()).second, "regularisers must have different names, got '", one.name(), "' twice");
  names.clear();
  for (const optim::ParameterGroup& group : method.groups) {
    group.check();
    require(names.insert(group.name).second, "parameter groups must have different names, got '",
            io::printable(group.name), "' twice");
  }
}

}}}  // namespace neutra::NEUTRA_ABI::study
