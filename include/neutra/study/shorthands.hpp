/// Methods that have a name of their own: the paper's four, and what each stands for.
#pragma once

#include "neutra/core/settings.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// What a run trains: the adapter's weights beside a frozen backbone, or the backbone's own.
enum class Trains { adapter, model };

/// A name for a kind of adapter with some settings. `reads`: settings that the study may give to all of its methods at
/// once, where a method does not set them itself.
struct Shorthand {
  std::string_view name, kind;
  Settings settings{};
  std::vector<std::string> reads{};
  Trains trains = Trains::adapter;
};

/// The order is that of tables and of the styles in pictures.
inline const std::vector<Shorthand> shorthands = {
    {.name = "neutral", .kind = "residue", .reads = {"gate", "body", "penalty", "init", "placement"}},
    {.name = "adapter",  // the vanilla adapter: the same body, without gate and local loss
     .kind = "residue",
     .settings = {{"gate", "open"}, {"penalty", "none"}, {"init", "he"}},
     .reads = {"body", "placement"}},
    {.name = "lora", .kind = "lora", .reads = {"targets"}},
    {.name = "finetune", .kind = "none", .trains = Trains::model},
};

/// The weight of the local loss in the paper's runs.
inline constexpr double paper_alpha = 0.01;

/// The baseline where none is named.
inline constexpr std::string_view default_baseline = "adapter";

/// Whether a label is that of the baseline, or made of it and what tells several such methods apart.
inline bool is_baseline(std::string_view label, std::string_view baseline) {
  return !baseline.empty() && label.starts_with(baseline) &&
         (label.size() == baseline.size() || label.substr(baseline.size()).starts_with(", "));
}

/// Null where there is none of that name.
inline const Shorthand* find_shorthand(std::string_view name) {
  const auto found =
      std::find_if(shorthands.begin(), shorthands.end(), [&](const Shorthand& one) { return one.name == name; });
  return found == shorthands.end() ? nullptr : &*found;
}
inline std::vector<std::string> shorthand_names() {
  std::vector<std::string> names;
  for (const Shorthand& one : shorthands) names.emplace_back(one.name);
  return names;
}

}}}  // namespace neutra::NEUTRA_ABI::study
