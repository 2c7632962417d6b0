/// What a job leaves on the disk when it has ended, and how --resume knows that it is still there as it was.
#pragma once

#include "neutra/io/sealed.hpp"
#include "neutra/study/choice.hpp"
#include "neutra/study/failure.hpp"
#include "neutra/study/job.hpp"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// A finished job: the row of the results (validation text), and the scores on the choosing text, by which rates and
/// alpha are chosen, where they were asked for.
struct Outcome {
  Row row;
  std::optional<Scores> choosing;
};

/// How a job ended.
using Ending = std::variant<Outcome, Failure>;

/// What results.json keeps of the scores by which rates and alpha are chosen.
inline io::Json choosing_json(const Outcome& outcome) {
  return {{"method", outcome.row.method},
          {"lr", outcome.row.lr},
          {"alpha", outcome.row.alpha ? io::Json(*outcome.row.alpha) : io::Json()},
          {"seed", outcome.row.seed},
          {"forgetting", outcome.choosing->forgetting()},
          {"learning", outcome.choosing->learning()}};
}

/// Error: Diverged where a score is not finite.
inline io::Json to_json(const Outcome& outcome) {
  detail::FieldWriter row("outcome");
  detail::visit_row(row, outcome.row);
  if (!outcome.choosing) return {{"row", row.take()}, {"choosing", nullptr}};
  detail::FieldWriter choosing("outcome: choosing");
  choosing("original", outcome.choosing->original);
  choosing("target", outcome.choosing->target);
  return {{"row", row.take()}, {"choosing", choosing.take()}};
}

/// The outcome.json of a folder in which a job is at home; `files`, by their names in it, hold what it trained and are
/// recorded by their hashes.
inline void write_outcome(const io::Path& folder, io::Json outcome, const std::vector<std::string>& files) {
  outcome["files"] = io::hashes_of(folder, files);
  io::write_sealed(folder / "outcome.json", std::move(outcome));
}
/// The same of a job that diverged.
inline void write_failure(const io::Path& folder, const Failure& failure) {
  io::write_sealed(folder / "outcome.json", {{"failed", to_json(failure, "outcome")}});
}

namespace detail {

inline void check_job(const std::string& where, const Row& row, const Job& job, Index steps) {
  const bool same_alpha = job.method == "neutral" ? row.alpha == job.alpha : !row.alpha;
  require(row.method == job.method && row.lr == job.lr && same_alpha && row.seed == job.seed && row.steps == steps,
          where, ": must be of ", job.name(), " after ", steps, " steps, got that of ",
          Job{row.method, row.lr, row.alpha.value_or(0), row.seed}.name(), " after ", row.steps);
}

}  // namespace detail

/// Reads the outcome.json of a folder. Error: damage to it or to the files that it recorded; the outcome of another
/// job.
inline Ending read_ending(const io::Path& folder, const Job& job, Index steps) {
  const io::Path path = folder / "outcome.json";
  const std::string where = path.string();
  const io::Json json = io::read_sealed(path);
  const io::Reader whole(json, where);
  if (whole.has("failed")) {
    Failure failure = failure_from_json(whole.value("failed"), where + ": failed");
    detail::check_job(where, failure.run, job, steps);
    return failure;
  }
  Outcome outcome{detail::read_row(whole.value("row"), where + ": row"), {}};
  detail::check_job(where, outcome.row, job, steps);
  if (whole.has("choosing")) {
    const io::Reader choosing(whole.value("choosing"), where + ": choosing");
    detail::FieldReader scores(choosing);
    scores("original", outcome.choosing.emplace().original);
    scores("target", outcome.choosing->target);
    scores.finish();
  }
  io::check_hashes(folder, whole.object("files").json());
  return outcome;
}

}}}  // namespace neutra::NEUTRA_ABI::study
