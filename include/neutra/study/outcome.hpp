/// The record of a finished job on disk, and the checks by which --resume notices any change.
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

/// A finished job: the row of the results (validation text), and, if it was tuned with, its scores on the tuning split,
/// by which rates and alpha are selected.
struct Outcome {
  RunResult row;
  std::optional<Scores> tuning;
};

/// How a job ended.
using Ending = std::variant<Outcome, Failure>;

namespace detail {

/// The keys of scores, in one list, read and written by the same text.
template <class Visitor, class S> void visit_scores(Visitor& visit, S& scores) {
  visit("original", scores.original);
  visit("target", scores.target);
}
inline io::Json scores_json(const Scores& scores, const std::string& where) {
  FieldWriter write(where);
  visit_scores(write, scores);
  return write.take();
}
/// Error: a key that is missing, unknown or of the wrong type.
inline Scores read_scores(const io::Reader& read) {
  Scores scores;
  FieldReader fields(read);
  visit_scores(fields, scores);
  fields.finish();
  return scores;
}

}  // namespace detail

/// Error: Diverged where a score is not finite.
inline io::Json to_json(const Outcome& outcome) {
  detail::FieldWriter row("outcome");
  detail::visit_row(row, outcome.row);
  if (!outcome.tuning) return {{"row", row.take()}, {"tuning", nullptr}};
  return {{"row", row.take()}, {"tuning", detail::scores_json(*outcome.tuning, "outcome: tuning")}};
}

/// Writes outcome.json to a job's folder. files: names of files in that folder, which hold what was trained; their
/// hashes are recorded.
inline void write_outcome(const io::Path& folder, io::Json outcome, const std::vector<std::string>& files) {
  outcome["files"] = io::hashes_of(folder, files);
  io::write_sealed(folder / "outcome.json", std::move(outcome));
}
/// Likewise for a job that diverged.
inline void write_failure(const io::Path& folder, const Failure& failure) {
  io::write_sealed(folder / "outcome.json", {{"failed", to_json(failure, "outcome")}});
}

namespace detail {

/// Error: the outcome of another run, with what differs.
inline void check_run(const std::string& where, const Run& found, const Run& asked) {
  require(found.name() == asked.name() && found.steps == asked.steps, where, ": must be of ", asked.name(), " after ",
          asked.steps, " steps, got that of ", found.name(), " after ", found.steps);
  const auto told = [](const Settings& settings, const std::string& key) {
    const auto own = settings.find(key);
    return own == settings.end() ? std::string("(nothing)") : text_of(own->second);
  };
  const std::string advice = "; use another label for the changed method";
  require(found.kind == asked.kind, where, ": must be of a method ", asked.label, " of the kind ", asked.kind, ", got ",
          io::printable(found.kind), advice);
  for (const auto* settings : {&asked.settings, &found.settings})
    for (const auto& [key, ignored] : *settings)
      require(told(asked.settings, key) == told(found.settings, key), where, ": must be of a method ", asked.label,
              " with ", io::printable(key), " = ", told(asked.settings, key), ", got ",
              io::printable(told(found.settings, key)), advice);
  require(found == asked, where, ": must be of a share of ", asked.share, ", got ", found.share);
}

}  // namespace detail

/// Reads the outcome.json of a folder. Error: damage to it or to the files that it recorded; the outcome of another
/// job.
inline Ending read_ending(const io::Path& folder, const Run& asked) {
  const io::Path path = folder / "outcome.json";
  const std::string where = path.string();
  const io::Json json = io::read_sealed(path);
  const io::Reader whole(json, where);
  if (whole.has("failed")) {
    Failure failure = failure_from_json(whole.value("failed"), where + ": failed");
    detail::check_run(where, failure.run, asked);
    return failure;
  }
  Outcome outcome{detail::read_row(whole.value("row"), where + ": row"), {}};
  detail::check_run(where, outcome.row, asked);
  if (whole.has("tuning")) outcome.tuning = detail::read_scores(io::Reader(whole.value("tuning"), where + ": tuning"));
  io::check_hashes(folder, whole.object("files").json());
  return outcome;
}

}}}  // namespace neutra::NEUTRA_ABI::study
