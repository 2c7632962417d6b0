/// Short names for the paper's four methods and for the best residue found since, and what each stands for.
#pragma once

#include "neutra/core/settings.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// What a run trains: the adapter's weights beside a frozen backbone, or the backbone's own.
enum class Trains { adapter, model };

/// A name for a kind of adapter with some settings. reads: settings that it takes from the options of the study, such
/// as --gate, unless its spec sets them.
struct Shorthand {
  std::string_view name, kind;
  Settings settings{};
  std::vector<std::string> reads{};
  Trains trains = Trains::adapter;
  std::vector<double> alphas{};  // its weight of the local loss, unless its spec sets others
  bool needs_more = false;       // than the others: text of the original domain, and two layers
};

/// In the order of tables, and of styles in pictures.
inline const std::vector<Shorthand>& shorthands() {
  static const std::vector<Shorthand> all = {
      {.name = "neutral", .kind = "residue", .reads = {"gate", "body", "penalty", "init", "placement"}},
      {.name = "adapter",  // the vanilla adapter: the same body, without gate and local loss
       .kind = "residue",
       .settings = {{"gate", "open"}, {"penalty", "none"}, {"init", "he"}},
       .reads = {"body", "placement"}},
      {.name = "lora", .kind = "lora", .reads = {"targets"}},
      {.name = "finetune", .kind = "none", .trains = Trains::model},
      {.name = "evidence",  // docs/results/recipe: learns what `adapter` learns at about a twelfth of its forgetting
       .kind = "residue",
       .settings = {{"gate", "biased_contextual_hard_sigmoid"},
                    {"gate.sum", Index{1}},
                    {"gate.hidden", Index{16}},
                    {"penalty", "domain_cross_entropy"},
                    {"penalty.original_weight", 9.0},
                    {"init", "he_body"},
                    {"layers", "upper"},
                    {"kl", 1.0}},
       .reads = {"body", "placement"},
       .alphas = {0.1},
       .needs_more = true},
  };
  return all;
}

/// The weight of the local loss in the paper's runs.
inline constexpr double paper_alpha = 0.01;

/// The baseline if none is named.
inline constexpr std::string_view default_baseline = "adapter";

/// Whether a label is the baseline's, alone or followed by the settings in which methods of that label differ.
inline bool is_baseline(std::string_view label, std::string_view baseline) {
  return !baseline.empty() && label.starts_with(baseline) &&
         (label.size() == baseline.size() || label.substr(baseline.size()).starts_with(", "));
}

/// Null if there is none of that name.
inline const Shorthand* find_shorthand(std::string_view name) {
  const std::vector<Shorthand>& all = shorthands();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Shorthand& one) { return one.name == name; });
  return found == all.end() ? nullptr : &*found;
}
inline std::vector<std::string> shorthand_names() {
  std::vector<std::string> names;
  for (const Shorthand& one : shorthands()) names.emplace_back(one.name);
  return names;
}

}}}  // namespace neutra::NEUTRA_ABI::study
