/// Several studies as one: alphas, seeds or ablations that were run apart stand in one table and one picture.
#pragma once

#include "neutra/train/choice.hpp"
#include "neutra/train/results.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
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

inline io::Json option(const Results& results, const char* key) {
  const io::Json options = results.config.value("options", io::Json::object());
  return options.is_object() ? options.value(key, io::Json()) : io::Json();
}

/// Runs that differ in what no row tells would stand on one line as if they were alike.
inline void check_alike(const Results& all, const Results& more, const std::string& where) {
  const bool same_steps = option(all, "steps") == option(more, "steps");
  for (const char* key : {"batch", "sequence", "clip", "weight_decay", "lora_targets", "warmup"}) {
    const io::Json first = option(all, key), other = option(more, key);
    require(first == other || (std::string_view(key) == "warmup" && !same_steps), where, ": --", key, " must be that of the first results, ",
            io::shown(first.dump()), ", got ", io::shown(other.dump()), "; join only studies that differ in what their rows tell");
  }
}

/// Whether a choice among the runs of one is a choice among those of the other: the same settings but for the rates, alphas and seeds tried.
inline bool share_choices(const Results& a, const Results& b) {
  for (const char* key : {"gate", "body", "penalty", "init", "placement", "steps", "share", "capacity"})
    if (option(a, key) != option(b, key)) return false;
  return true;
}

/// The scores of one run on the choosing text, as `extend` records them.
struct Tried {
  std::string method;
  std::optional<double> alpha;
  double lr = 0, forgetting = 0, learning = 0;

  std::string line() const { return alpha ? concat(method, ", alpha ", *alpha) : method; }
  Scores scores() const { return {.original = {0, forgetting}, .target = {learning, 0}}; }
};

inline std::vector<Tried> tried_in(const io::Json& choosing) {
  std::vector<Tried> all;
  for (const io::Json& entry : choosing) {
    const io::Reader read(entry, "choosing");
    Tried& tried = all.emplace_back();
    FieldReader fields(read);
    std::uint64_t seed = 0;
    fields("method", tried.method), fields("alpha", tried.alpha), fields("lr", tried.lr), fields("seed", seed);
    fields("forgetting", tried.forgetting), fields("learning", tried.learning);
    fields.finish();
  }
  return all;
}

/// Chooses anew by the scores of all: for each method and alpha the rate that learned most, and among the alphas of neutral as choose_alpha does.
inline void choose_again(io::Json& config) {
  std::map<std::string, Tried> best;
  for (const Tried& tried : tried_in(config.at("choosing")))
    if (const auto [own, fresh] = best.emplace(tried.line(), tried); !fresh && tried.learning > own->second.learning) own->second = tried;
  config["chosen_lr"] = io::Json::object();
  std::vector<Tried> neutral;
  for (const auto& [line, tried] : best) {
    config["chosen_lr"][line] = tried.lr;
    if (tried.method == "neutral" && tried.alpha) neutral.push_back(tried);
  }
  const auto vanilla = best.find("adapter");
  if (neutral.size() < 2 || vanilla == best.end()) return;
  std::vector<Scores> scores;
  for (const Tried& tried : neutral) scores.push_back(tried.scores());
  const std::size_t chosen = choose_alpha(scores, vanilla->second.learning);
  config["chosen_alpha"] = *neutral[chosen].alpha;
  config["chosen_alpha_learns_as_vanilla"] = learns_enough(scores[chosen], vanilla->second.learning);
}

}  // namespace detail

/// The rows of all studies, in order; a run that two have counts once. Options and machine are the first's, the others' options stand under
/// "joined". Where studies differ in nothing but the rates, alphas and seeds they tried, rates and alpha are chosen anew by their scores on the
/// choosing text. `names`: what messages call the studies, as many.
/// Error: nothing to join; other texts; another backbone; other options that no row tells; a run that two have with different outcomes.
inline Results join(const std::vector<Results>& studies, const std::vector<std::string>& names) {
  require(!studies.empty() && names.size() == studies.size(), "join: there must be at least one study and a name for each, got ", studies.size(),
          " and ", names.size());
  Results all = studies.front();
  io::Json joined = io::Json::array(), choosing = all.config.value("choosing", io::Json::array());
  bool chosen_apart = false;
  for (std::size_t i = 1; i < studies.size(); ++i) {
    const Results& more = studies[i];
    require(more.text_sha256 == all.text_sha256, names[i], ": the texts must be those of ", names.front(),
            " (text_sha256); results on other texts cannot be compared");
    detail::check_alike(all, more, names[i]);
    detail::join_rows(all, more, names[i]);
    joined.push_back(more.config);
    if (const auto own = more.config.find("choosing");
        own != more.config.end() && own->is_array() && choosing.is_array() && detail::share_choices(studies.front(), more)) {
      choosing.insert(choosing.end(), own->begin(), own->end());
      chosen_apart = true;
    }
    if (all.commit.find(more.commit) == std::string::npos) all.commit += ", " + more.commit;
  }
  if (!joined.empty()) all.config["joined"] = joined;
  if (chosen_apart) {
    all.config["choosing"] = choosing;
    detail::choose_again(all.config);
  }
  return all;
}

}  // namespace neutra::inline NEUTRA_ABI::train
