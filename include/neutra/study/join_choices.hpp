/// Rates and alphas of joined studies, selected again by the scores of all of them on the tuning split.
#pragma once

#include "neutra/study/baselines.hpp"
#include "neutra/study/choice.hpp"
#include "neutra/study/summary.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study { namespace detail {

/// Identifies a run: its line, rate and seed.
using RunKey = std::tuple<LineKey, double, std::uint64_t>;
inline RunKey run_key(const Run& run) { return {line_key(run), run.lr, run.seed}; }

/// The scores of a run on the tuning split.
struct Scored {
  double lr = 0;
  std::optional<double> alpha;
  Scores scores;
};
using ScoredRuns = std::map<RunKey, Scored>;

/// Adds the scores of a study's runs; of several scores of a run the first counts.
inline void add_scores(ScoredRuns& all, const Results& study) {
  for (const Choice& choice : study.choices)
    for (const Tried& tried : choice.tried) {
      Run run = choice.run;
      run.lr = tried.lr;
      const Scores scores{.original = {0, tried.forgetting}, .target = {tried.learning, 0}};
      all.try_emplace(run_key(run), Scored{run.lr, run.alpha, scores});
    }
}

inline const Scored* find(const ScoredRuns& scored, const RunResult& row) {
  const auto own = scored.find(run_key(row));
  return own == scored.end() ? nullptr : &own->second;
}

/// The rate of a line: the best by the scores of all studies, if every run of the first seed has one; otherwise the
/// rate that the studies agree on. apart: the rates that the studies report for each line.
inline std::optional<double> joined_rate(const Line& line, const ScoredRuns& scored,
                                         const std::map<LineKey, std::set<double>>& apart) {
  const Scored* best = nullptr;
  bool complete = true;
  for (const RunResult& row : line.curve) {
    const Scored* own = row.seed == 1 ? find(scored, row) : nullptr;
    complete &= own || row.seed != 1;
    if (own && (!best || own->scores.learning() > best->scores.learning())) best = own;
  }
  if (complete && best) return best->lr;
  const auto rates = apart.find(line_key(line.curve.front()));
  return rates == apart.end() || rates->second.size() != 1 ? std::nullopt : std::optional(*rates->second.begin());
}

/// The choice of a line at a rate, with the scores of its runs of the first seed.
inline Choice joined_choice(const Line& line, double rate, const ScoredRuns& scored) {
  Choice choice{line.curve.front()};
  choice.run.lr = rate;
  choice.run.seed = 1;
  for (const RunResult& row : line.curve)
    if (const Scored* own = row.seed == 1 ? find(scored, row) : nullptr)
      choice.tried.push_back({own->lr, own->scores.forgetting(), own->scores.learning()});
  return choice;
}

/// Selects alpha among lines that differ only in it, as `extend` does: by the scores at the rate of the paper's alpha,
/// and by what the baseline learns at its own rate; without a baseline, the alpha that learns most. Selects none if the
/// scores of the baseline, of the paper's alpha or of all others are missing.
inline void choose_alpha_again(std::vector<Choice>& choices, const Line& paper, const std::vector<Line>& lines,
                               const Baselines<const Line*>& baselines, const ScoredRuns& scored) {
  std::map<LineKey, Choice*> by_line;
  for (Choice& choice : choices) by_line.emplace(line_key(choice.run), &choice);
  const auto choice_of = [&](const Line& line) -> Choice* {
    const auto own = by_line.find(line_key(line.curve.front()));
    return own == by_line.end() ? nullptr : own->second;
  };
  const auto score_of = [&](const Line& line, double lr) -> const Scored* {
    const auto row = std::find_if(line.curve.begin(), line.curve.end(),
                                  [&](const RunResult& r) { return r.lr == lr && r.seed == 1; });
    return row == line.curve.end() ? nullptr : find(scored, *row);
  };
  const Choice* own = choice_of(paper);
  if (!own) return;
  const double rate = own->run.lr;
  const auto* baseline = baselines.of(paper.curve.front());
  const Choice* theirs = baseline ? choice_of(**baseline) : nullptr;
  const Scored* yardstick = theirs ? score_of(**baseline, theirs->run.lr) : nullptr;
  if (baseline && !yardstick) return;
  const auto learning = yardstick ? std::optional(yardstick->scores.learning()) : std::nullopt;
  std::vector<Choice*> tried;
  std::vector<Scores> scores;
  for (const Line& line : lines) {
    if (&line != &paper && !differ_in_alpha_alone(paper.curve.front(), line.curve.front())) continue;
    const Scored* score = score_of(line, rate);
    if (Choice* choice = choice_of(line); score && choice) {
      tried.push_back(choice);
      scores.push_back(score->scores);
    }
  }
  if (scores.size() < 2) return;
  const std::size_t chosen = choose_alpha(scores, learning);
  for (std::size_t i = 0; i < tried.size(); ++i) tried[i]->alpha_chosen = i == chosen;
  if (learning) tried[chosen]->learns_as_baseline = learns_enough(scores[chosen], learning);
}

}}}}  // namespace neutra::NEUTRA_ABI::study::detail
