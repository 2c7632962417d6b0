/// Several studies as one: alphas, seeds or ablations that were run apart stand in one table and one picture.
#pragma once

#include "neutra/train/results.hpp"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace neutra::inline NEUTRA_ABI::train {

namespace detail {

/// What makes two rows the same run.
inline auto run_of(const Row& row) {
  return std::tie(row.method, row.gate, row.body, row.penalty, row.init, row.placement, row.steps, row.share, row.capacity, row.alpha, row.lr,
                  row.seed);
}

inline std::string told(const Row& row) { return concat(row.method, " at rate ", row.lr, ", seed ", row.seed); }

/// Everything about a run but how long it took.
inline io::Json outcome_of(Row row) {
  row.train_seconds = row.tokens_per_second = 0;
  FieldWriter write("row");
  visit_row(write, row);
  return write.take();
}

inline void join_rows(Results& all, const Results& more, const std::string& where) {
  const auto same_scores = [](const BeforeAfter& a, const BeforeAfter& b) { return a.before == b.before; };
  for (const Row& row : more.rows) {
    const Row& first = all.rows.empty() ? row : all.rows.front();
    require(same_scores(row.original, first.original) && same_scores(row.target, first.target), where,
            ": the backbone must be that of the first results, whose bits per byte are ", first.original.before, " and ", first.target.before,
            ", got ", row.original.before, " and ", row.target.before, "; join only extensions of one backbone");
    const auto own = std::find_if(all.rows.begin(), all.rows.end(), [&](const Row& other) { return run_of(other) == run_of(row); });
    if (own == all.rows.end())
      all.rows.push_back(row);
    else
      require(outcome_of(*own) == outcome_of(row), where, ": ", told(row), " is in two results, with different outcomes; join only one of them");
  }
}

/// A choice that one study made, or all alike, stays; where they differ there is none, since none looked at the runs of all.
inline void join_choice(io::Json& all, const io::Json& more, const std::string& key) {
  if (more.contains(key)) all[key] = all.value(key, more.at(key)) == more.at(key) ? more.at(key) : io::Json();
}

inline void join_choices(io::Json& all, const io::Json& more) {
  for (const char* key : {"chosen_alpha", "chosen_alpha_learns_as_vanilla"}) join_choice(all, more, key);
  io::Json rates = all.value("chosen_lr", io::Json::object());
  const io::Json others = more.value("chosen_lr", io::Json::object());
  if (!rates.is_object() || !others.is_object()) return;
  for (const auto& [method, rate] : others.items()) join_choice(rates, others, method);
  all["chosen_lr"] = rates;
}

}  // namespace detail

/// The rows of all studies, in order; a run that two have counts once. Options and machine are the first's, the others' options stand under
/// "joined"; a choice of rate or alpha is kept where no other study chose otherwise. `names`: what messages call them, as many.
/// Error: nothing to join; other texts; another backbone; a run that two have with different outcomes.
inline Results join(const std::vector<Results>& studies, const std::vector<std::string>& names) {
  require(!studies.empty() && names.size() == studies.size(), "join: there must be at least one study and a name for each, got ", studies.size(),
          " and ", names.size());
  Results all = studies.front();
  io::Json joined = io::Json::array();
  for (std::size_t i = 1; i < studies.size(); ++i) {
    require(studies[i].text_sha256 == all.text_sha256, names[i], ": the texts must be those of ", names.front(),
            " (text_sha256); results on other texts cannot be compared");
    detail::join_rows(all, studies[i], names[i]);
    detail::join_choices(all.config, studies[i].config);
    joined.push_back(studies[i].config);
    if (all.commit.find(studies[i].commit) == std::string::npos) all.commit += ", " + studies[i].commit;
  }
  if (!joined.empty()) all.config["joined"] = joined;
  return all;
}

}  // namespace neutra::inline NEUTRA_ABI::train
