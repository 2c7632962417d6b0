/// The selection of rate and alpha by scores on the tuning split, never by reported scores, and its record.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/study/run_result.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// Bits per byte of both domains before and after, on one text.
struct Scores {
  BeforeAfter original, target;

  double forgetting() const { return original.after - original.before; }
  double learning() const { return target.before - target.after; }
};

/// A run's results on the tuning split.
struct Tried {
  double lr = 0, forgetting = 0, learning = 0;
};

/// The rate selected for a method at one alpha.
struct Choice {
  Run run;                     // at that rate, with the seed used for tuning
  std::vector<Tried> tried{};  // every rate at that alpha that has scores; empty without tuning
  /// Whether this alpha was selected among several; empty if there was only one.
  std::optional<bool> alpha_chosen{};
  /// For a selected alpha: whether it learns as much as the baseline; empty if no run of a baseline was left.
  std::optional<bool> learns_as_baseline{};
};

/// The position of the rate with the lowest target bits per byte; ties go to the first. Error: none tried.
inline std::size_t choose_rate(const std::vector<Scores>& tried) {
  require(!tried.empty(), "choosing a rate: at least one must have been tried");
  const auto best = std::min_element(tried.begin(), tried.end(),
                                     [](const Scores& a, const Scores& b) { return a.target.after < b.target.after; });
  return static_cast<std::size_t>(best - tried.begin());
}

/// Whether a method learns at least as much as the baseline, within 1 %; false without a baseline.
inline bool learns_enough(const Scores& scores, std::optional<double> baseline_learning) {
  return baseline_learning && scores.learning() >= *baseline_learning - 0.01 * std::abs(*baseline_learning);
}

/// The position of the alpha that forgets least among those that learn as much as the baseline, within 1 %. If none
/// does, or there is no baseline, that of the one that learns most. Ties go to the first. Error: none tried.
inline std::size_t choose_alpha(const std::vector<Scores>& tried, std::optional<double> baseline_learning) {
  require(!tried.empty(), "choosing alpha: at least one must have been tried");
  std::size_t chosen = tried.size();
  for (std::size_t i = 0; i < tried.size(); ++i)
    if (learns_enough(tried[i], baseline_learning) &&
        (chosen == tried.size() || tried[i].forgetting() < tried[chosen].forgetting()))
      chosen = i;
  if (chosen < tried.size()) return chosen;
  const auto most = std::max_element(tried.begin(), tried.end(),
                                     [](const Scores& a, const Scores& b) { return a.learning() < b.learning(); });
  return static_cast<std::size_t>(most - tried.begin());
}

namespace detail {

template <class Visitor, class C> void visit_choice(Visitor& visit, C& choice) {
  visit_run(visit, choice.run);
  visit("alpha_chosen", choice.alpha_chosen);
  visit("learns_as_baseline", choice.learns_as_baseline);
}
template <class Visitor, class T> void visit_tried(Visitor& visit, T& tried) {
  visit("lr", tried.lr);
  visit("forgetting", tried.forgetting);
  visit("learning", tried.learning);
}

}  // namespace detail

inline io::Json to_json(const Choice& choice, const std::string& where) {
  detail::FieldWriter write(where);
  detail::visit_choice(write, choice);
  io::Json tried = io::Json::array();
  for (const Tried& one : choice.tried) {
    detail::FieldWriter scores(where + ": tried");
    detail::visit_tried(scores, one);
    tried.push_back(scores.take());
  }
  io::Json json = write.take();
  json["tried"] = std::move(tried);
  return json;
}

/// Error: a key that is missing, unknown or of the wrong type; a number that no run can have.
inline Choice choice_from_json(const io::Json& json, const std::string& where) {
  const io::Reader read(json, where);
  detail::FieldReader fields(read);
  Choice choice;
  detail::visit_choice(fields, choice);
  fields.known("tried");
  fields.finish();
  for (const io::Json& one : read.array("tried")) {
    const io::Reader scores(one, where + ": tried");
    detail::FieldReader numbers(scores);
    detail::visit_tried(numbers, choice.tried.emplace_back());
    numbers.finish();
  }
  detail::check_ranges(choice.run, where);
  return choice;
}

}}}  // namespace neutra::NEUTRA_ABI::study
