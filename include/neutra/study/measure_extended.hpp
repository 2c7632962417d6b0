/// The scores of a model after its run: on all texts, of parts of its adapter, and its distance from the model before.
#pragma once

#include "neutra/data/token_class.hpp"
#include "neutra/study/job.hpp"
#include "neutra/study/outcome.hpp"
#include "neutra/study/shared.hpp"
#include "neutra/study/start.hpp"
#include "neutra/train/divergence.hpp"
#include "neutra/train/open_share.hpp"

#include <string>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

namespace detail {

inline void measure_tuning(Shared& shared, train::Model& model, const Start& start, Outcome& outcome) {
  Scores& scores = outcome.tuning.emplace(start.tuning);
  scores.original.after = shared.score(model, shared.corpus.tuning_original, data::Domain::original);
  scores.target.after = shared.score(model, shared.corpus.tuning_target, data::Domain::target);
}

/// Returns warnings about the gates.
inline std::vector<std::string> measure_validation(Shared& shared, train::Model& model, const Start& start,
                                                   RunResult& row) {
  const nn::Config& config = start.backbone->config();
  adapter::Probe<float, DefaultDevice> probe(config.layers,
                                             data::token_classes(*shared.corpus.tokenizer, config.vocabulary));
  row.original = start.valid.original;
  row.target = start.valid.target;
  row.original.after = shared.score(model, shared.corpus.valid_original, data::Domain::original, &probe);
  row.target.after = shared.score(model, shared.corpus.valid_target, data::Domain::target, &probe);
  add_gates(row, probe);
  return gate_warnings(probe.counts(0), probe.counts(1), folder_of(shared.options, row, row.builds_on.value_or("")));
}

inline void measure_further(Shared& shared, train::Model& model, const Start& start, RunResult& row) {
  for (const auto& [name, text] : shared.corpus.further) {
    if (!row.further) row.further.emplace();
    (*row.further)[name] = {start.further.at(name), shared.score(model, text, data::Domain::target)};
  }
}

inline void measure_divergence(Shared& shared, train::Model& model, const Start& start, RunResult& row) {
  train::Model before(start.backbone, start.as_it_is());
  const auto from_base = [&](const train::EvaluationText& text, data::Domain domain) {
    return train::divergence(model, before, shared.evaluation_tape, text, domain, 128, shared.stop);
  };
  const auto original = from_base(shared.corpus.valid_original, data::Domain::original),
             target = from_base(shared.corpus.valid_target, data::Domain::target);
  if (original && target) row.kl_to_base = {*original, *target};
}

/// Parts of the adapter, as Options::scales and thresholds ask.
inline void measure_attenuated(Shared& shared, train::Model& model, RunResult& row) {
  std::vector<Attenuated> asked, scored;
  for (const double scale : shared.options.scales) asked.push_back({.scale = scale});
  for (const double threshold : shared.options.thresholds) asked.push_back({.threshold = threshold});
  for (Attenuated& point : asked) {
    adapter::Probe<float, DefaultDevice> probe(model.config().layers);
    model.attenuation = {point.scale, point.threshold};
    point.after.target = shared.score(model, shared.corpus.valid_target, data::Domain::target, &probe);
    if (point.threshold > 0 && !train::open_share(probe, data::Domain::target)) continue;  // it has no gates
    point.after.original = shared.score(model, shared.corpus.valid_original, data::Domain::original);
    scored.push_back(point);
  }
  model.attenuation = {};
  if (!scored.empty()) row.attenuated = std::move(scored);
}

}  // namespace detail

/// Adds the scores of a model to the outcome of its run, whose row describes the run already. start: what the run
/// started from; trains: of its method. Returns warnings about its gates.
inline std::vector<std::string> measure_extended(Shared& shared, train::Model& model, const Start& start, Trains trains,
                                                 Outcome& outcome) {
  const bool has_adapter = trains == Trains::adapter;
  shared.progress.begin("evaluating", shared.row_evaluation_steps(has_adapter), shared.work.evaluation());
  RunResult& row = outcome.row;
  if (row.seed == 1 && shared.options.holds_out())  // rates and alpha are selected with the first seed
    detail::measure_tuning(shared, model, start, outcome);
  std::vector<std::string> warnings = detail::measure_validation(shared, model, start, row);
  detail::measure_further(shared, model, start, row);
  detail::measure_divergence(shared, model, start, row);
  if (has_adapter) detail::measure_attenuated(shared, model, row);
  return warnings;
}

}}}  // namespace neutra::NEUTRA_ABI::study
