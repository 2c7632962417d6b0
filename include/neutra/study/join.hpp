/// Joins studies, so that alphas, rates, seeds or ablations that were run separately share one table and one picture.
#pragma once

#include "neutra/study/join_choices.hpp"
#include "neutra/study/results.hpp"
#include "neutra/study/shorthands.hpp"
#include "neutra/study/summary.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

namespace detail {

inline std::string told(const Run& run) {
  return concat(io::printable(run.label), run.alpha ? concat(", alpha ", *run.alpha) : "", ", rate ", run.lr, ", seed ",
                run.seed);
}

/// A row without its times and memory, which differ from run to run.
inline io::Json outcome_of(RunResult row) {
  row.train_seconds = row.tokens_per_second = 0;
  row.peak_bytes.reset();
  FieldWriter write("row");
  visit_row(write, row);
  return write.take();
}

/// Adds the failures of `more`. A run that failed in one study and has a row in another counts as finished. Error: it
/// diverged, and so cannot have a row. places: see join_rows.
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
                              : io::Json();  // older results do not record it; they are of float
  return options.is_object() ? options.value(key, absent) : absent;
}

/// Error: the studies differ in something that rows do not record, so that their runs would wrongly share a line.
inline void check_alike(const Results& first, const Results& more, const std::string& where) {
  for (const char* role : {"original.tuning", "target.tuning"}) {
    const bool has = first.text_sha256.contains(role);
    require(more.text_sha256.contains(role) == has, where, has ? ": must have the text " : ": must not have the text ",
            role, has ? ", as the first results have" : ", which the first results do not have",
            "; a study that tunes no rate and no alpha holds out no text and trains on more: give both several "
            "rates, or both one");
  }
  for (const auto& [role, digits] : first.text_sha256)
    require(more.text_sha256.contains(role) && more.text_sha256.at(role) == digits, where, ": the text ", role,
            " must be that of the first results (text_sha256); results on other texts cannot be compared");
  require(more.text_sha256.size() == first.text_sha256.size(), where,
          ": the texts must be those of the first results, ", first.text_sha256.size(), " of them, got ",
          more.text_sha256.size(), "; results on other texts cannot be compared");
  for (const auto& [key, what] : {std::pair{"/base/fingerprint", "backbone"},
                                  {"/base/tokenizer", "tokenizer"},
                                  {"/base/adapter", "adapter of the model"}}) {
    if (!first.config.contains("base") || !more.config.contains("base")) continue;  // older results do not record it
    const io::Json::json_pointer place(key);
    require(first.config.value(place, io::Json()) == more.config.value(place, io::Json()), where, ": the ", what,
            " must be that of the first results (config", key, "); join only extensions of one backbone");
  }
  const auto printable = [](const io::Json& value) {
    return value.is_null() ? std::string("(nothing)") : io::printable(value.dump());
  };
  for (const char* key : {"batch", "sequence", "clip", "weight_decay", "warmup", "precision", "base_precision"}) {
    const io::Json own = option(first, key), other = option(more, key);
    const bool follows = std::string_view(key) == "warmup" && option(first, "steps") != option(more, "steps");
    std::string name = key;
    std::replace(name.begin(), name.end(), '_', '-');
    require(own == other || follows, where, ": --", name, " must be that of the first results, ", printable(own),
            ", got ", printable(other), "; join only studies that differ in what their rows record");
  }
}

/// Adds the rows of `more`. places: the position of each run in all.rows.
inline void join_rows(Results& all, const Results& more, const std::string& where,
                      std::map<RunKey, std::size_t>& places) {
  for (const RunResult& row : more.rows) {
    const auto [own, fresh] = places.emplace(run_key(row), all.rows.size());
    if (fresh)
      all.rows.push_back(row);
    else
      require(outcome_of(all.rows[own->second]) == outcome_of(row), where, ": ", told(row),
              " is in two results, with different outcomes; join only one of them");
  }
}

/// Appends a text unless it is there already: "a; b".
inline void join_text(std::string& all, const std::string& more) {
  if (concat("; ", all, "; ").find(concat("; ", more, "; ")) == std::string::npos) all += "; " + more;
}

}  // namespace detail

/// The rows of all studies, in order; a run in several of them counts once. The options are those of the first study;
/// those of the others stand under "joined". Rates and alpha are selected again by the scores of all studies on the
/// tuning split, so that studies of different rates, alphas and seeds become one. Where scores are missing, a rate that
/// the studies agree on is kept. names: one for each study, for messages. Error: nothing to join; different texts,
/// backbones, or options that rows do not record; a run with different outcomes.
inline Results join(const std::vector<Results>& studies, const std::vector<std::string>& names) {
  require(!studies.empty() && names.size() == studies.size(),
          "join: there must be at least one study and a name for each, got ", studies.size(), " and ", names.size());
  Results all = studies.front();
  if (studies.size() == 1) return all;
  io::Json joined = io::Json::array();
  detail::ScoresBefore before;
  detail::ScoredRuns scored;
  std::map<detail::LineKey, std::set<double>> apart;
  std::map<detail::RunKey, std::size_t> places;
  for (std::size_t i = 0; i < all.rows.size(); ++i) places.emplace(detail::run_key(all.rows[i]), i);
  for (std::size_t i = 0; i < studies.size(); ++i) {
    const Results& study = studies[i];
    if (i > 0) detail::check_alike(studies.front(), study, names[i]);
    detail::check_before(before, study.rows, names[i]);
    detail::add_scores(scored, study);
    for (const Line& line : summarise(study))
      if (!line.chosen_here) apart[detail::line_key(line.curve.front())].insert(line.lr);
    if (i == 0) continue;
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
