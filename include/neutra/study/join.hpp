/// Several studies as one: alphas, rates, seeds or ablations that were run apart stand in one table and one picture.
#pragma once

#include "neutra/study/choice.hpp"
#include "neutra/study/results.hpp"
#include "neutra/study/shorthands.hpp"
#include "neutra/study/summary.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

namespace detail {

/// What makes a run: its line, rate and seed.
using RunKey = std::tuple<LineKey, double, std::uint64_t>;
inline RunKey run_key(const Run& run) { return {line_key(run), run.lr, run.seed}; }

inline std::string told(const Run& run) {
  return concat(io::printable(run.label), run.alpha ? concat(", alpha ", *run.alpha) : "", ", rate ", run.lr, ", seed ",
                run.seed);
}

/// Everything about a run but how long it took.
inline io::Json outcome_of(RunResult row) {
  row.train_seconds = row.tokens_per_second = 0;
  FieldWriter write("row");
  visit_row(write, row);
  return write.take();
}

/// A run that failed in one study and has a row in another counts by its row, unless it diverged: it would do so again.
/// places: see join_rows.
inline void join_failed(Results& all, const Results& more, const std::string& where,
                        const std::map<RunKey, std::size_t>& places) {
  std::map<RunKey, std::size_t> known;
  for (std::size_t i = 0; i < all.failed.size(); ++i) known.emplace(run_key(all.failed[i].run), i);
  for (const Failure& failure : more.failed) {
    const auto [own, fresh] = known.emplace(run_key(failure.run), all.failed.size());
    if (fresh)
      all.failed.push_back(failure);
    else if (failure.state == FailureState::diverged)
      all.failed[own->second] = failure;
  }
  std::erase_if(all.failed, [&](const Failure& failure) {
    const bool finished = places.contains(run_key(failure.run));
    require(!finished || failure.state != FailureState::diverged, where, ": ", told(failure.run),
            " diverged in one of the results and has a row in another; join only one of them");
    return finished;
  });
}

inline io::Json option(const Results& results, const char* key) {
  const io::Json options = results.config.value("options", io::Json::object());
  const io::Json absent = std::string_view(key) == "precision"
                              ? io::Json("float")
                              : io::Json();  // older results were of float and did not say so
  return options.is_object() ? options.value(key, absent) : absent;
}

/// Runs that differ in what no row tells would stand on one line as if they were alike.
inline void check_alike(const Results& first, const Results& more, const std::string& where) {
  for (const char* role : {"original.tuning", "target.tuning"}) {
    const bool has = first.text_sha256.contains(role);
    require(more.text_sha256.contains(role) == has, where, has ? ": must have the text " : ": must not have the text ",
            role, has ? ", as the first results have" : ", which the first results have not",
            "; a study that chooses no rate and no alpha holds none out and trains on more text: give both several "
            "rates, or both one");
  }
  for (const auto& [role, digits] : first.text_sha256)
    require(more.text_sha256.contains(role) && more.text_sha256.at(role) == digits, where, ": the text ", role,
            " must be that of the first results (text_sha256); results on other texts cannot be compared");
  require(more.text_sha256.size() == first.text_sha256.size(), where,
          ": the texts must be those of the first results, ", first.text_sha256.size(), " of them, got ",
          more.text_sha256.size(), "; results on other texts cannot be compared");
  for (const auto& [key, what] : {std::pair{"/base/fingerprint", "backbone"}, {"/base/tokenizer", "tokenizer"}}) {
    const io::Json::json_pointer place(key);  // older results do not say
    require(!first.config.contains(place) || !more.config.contains(place) || first.config[place] == more.config[place],
            where, ": the ", what, " must be that of the first results (config", key,
            "); join only extensions of one backbone");
  }
  const auto printable = [](const io::Json& value) {
    return value.is_null() ? std::string("(nothing)") : io::printable(value.dump());
  };
  for (const char* key : {"batch", "sequence", "clip", "weight_decay", "warmup", "precision"}) {
    const io::Json own = option(first, key), other = option(more, key);
    const bool follows = std::string_view(key) == "warmup" && option(first, "steps") != option(more, "steps");
    require(own == other || follows, where, ": --", key, " must be that of the first results, ", printable(own),
            ", got ", printable(other), "; join only studies that differ in what their rows tell");
  }
}

/// places: where each run stands among all.rows.
inline void join_rows(Results& all, const Results& more, const std::string& where,
                      std::map<RunKey, std::size_t>& places) {
  for (const RunResult& row : more.rows) {
    const RunResult& first = all.rows.empty() ? row : all.rows.front();
    require(row.original.before == first.original.before && row.target.before == first.target.before, where,
            ": the backbone must be that of the first results, whose bits per byte are ", first.original.before,
            " and ", first.target.before, ", got ", row.original.before, " and ", row.target.before,
            "; join only extensions of one backbone, scored by one build of the program");
    const auto [own, fresh] = places.emplace(run_key(row), all.rows.size());
    if (fresh)
      all.rows.push_back(row);
    else
      require(outcome_of(all.rows[own->second]) == outcome_of(row), where, ": ", told(row),
              " is in two results, with different outcomes; join only one of them");
  }
}

/// "a; b": every text once.
inline void join_text(std::string& all, const std::string& more) {
  if (concat("; ", all, "; ").find(concat("; ", more, "; ")) == std::string::npos) all += "; " + more;
}

/// What the tuning split said of a run.
struct Scored {
  double lr = 0;
  std::optional<double> alpha;
  Scores scores;
};
using ScoredRuns = std::map<RunKey, Scored>;

/// Adds what a study's tuning split said of its runs; the first study to score a run is believed.
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

/// The rate of a line: by the scores of all studies, where every run of the first seed has one; else the one that they
/// agree on. apart: the rates of the lines of each study by itself.
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

/// Chooses alpha among lines that differ in it alone, as `extend` does: by the scores at the rate of the paper's alpha,
/// and by what the baseline learns at its own rate; where no run of that is left, the alpha that learns most. Chooses
/// none where scores are missing, those of the paper's alpha among them.
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

}  // namespace detail

/// The rows of all studies, in order; a run that two have counts once. Options are the first's, those of the others
/// stand under "joined". Rates and alpha are chosen anew by the scores that all have on the tuning split, so that
/// studies of other rates, alphas and seeds become one; where scores are missing a rate that the studies agree on is
/// kept, and else none. `names`: what messages call the studies, as many. Error: nothing to join; other texts; another
/// backbone; other options that no row tells; a run that two have with different outcomes.
inline Results join(const std::vector<Results>& studies, const std::vector<std::string>& names) {
  require(!studies.empty() && names.size() == studies.size(),
          "join: there must be at least one study and a name for each, got ", studies.size(), " and ", names.size());
  Results all = studies.front();
  if (studies.size() == 1) return all;
  io::Json joined = io::Json::array();
  detail::ScoredRuns scored;
  std::map<detail::LineKey, std::set<double>> apart;
  std::map<detail::RunKey, std::size_t> places;
  for (std::size_t i = 0; i < all.rows.size(); ++i) places.emplace(detail::run_key(all.rows[i]), i);
  for (std::size_t i = 0; i < studies.size(); ++i) {
    const Results& study = studies[i];
    detail::check_one_backbone(study.rows, names[i]);
    detail::add_scores(scored, study);
    for (const Line& line : summarise(study))
      if (!line.chosen_here) apart[detail::line_key(line.curve.front())].insert(line.lr);
    if (i == 0) continue;
    detail::check_alike(studies.front(), study, names[i]);
    detail::join_rows(all, study, names[i], places);
    detail::join_failed(all, study, names[i], places);
    joined.push_back(study.config);
    if (baseline_of(all).empty() && !baseline_of(study).empty()) all.config["baseline"] = baseline_of(study);
    detail::join_text(all.commit, study.commit);
    for (const auto part :
         {&Machine::processor, &Machine::instruction_set, &Machine::compiler, &Machine::flags, &Machine::xsimd})
      detail::join_text(all.machine.*part, study.machine.*part);
  }
  all.config["joined"] = joined;
  const std::vector<Line> lines = summarise(all);
  const auto baselines = baselines_among(lines);
  all.choices.clear();
  for (const Line& line : lines)
    if (const auto rate = detail::joined_rate(line, scored, apart))
      all.choices.push_back(detail::joined_choice(line, *rate, scored));
  for (const Line& line : lines)
    if (line.curve.front().alpha == paper_alpha)
      detail::choose_alpha_again(all.choices, line, lines, baselines, scored);
  return all;
}

}}}  // namespace neutra::NEUTRA_ABI::study
