/// The models that the rows of a study start from: the backbone, or what rows of the stage before have left.
#pragma once

#include "neutra/io/output_file.hpp"
#include "neutra/study/plan.hpp"
#include "neutra/study/prepare.hpp"
#include "neutra/study/row_jobs.hpp"
#include "neutra/study/shared.hpp"
#include "neutra/study/start.hpp"

#include <optional>
#include <string>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// The starts of the rows in one folder, one of them in memory.
class RowStarts {
 public:
  /// All must outlive it. previous_stage: null if the rows build on no others.
  RowStarts(Shared& shared, RowJobs& jobs, RowStarts* previous_stage)
      : shared_(shared), jobs_(jobs), previous_stage_(previous_stage) {}

  /// What a row starts from, with its scores on the texts of this stage. Error: it waits for another row.
  const Start& of(const PlannedRow& row) {
    if (!previous_stage_) return shared_.start;
    const std::string weights = jobs_.builds_on(row).value();
    if (start_ && start_->sha256 == weights) return *start_;
    start_ = previous_stage_->left_for(row);
    const io::Path folder = shared_.output.folder() / "starts";
    io::make_folder(folder, folder.string());
    measure_start(shared_, *start_, folder / (weights.substr(0, 12) + ".json"));
    return *start_;
  }

  /// What a row starts from, or, until that is there, a model of the same adapters with other weights.
  Start for_timing(const PlannedRow& row) {
    if (!previous_stage_) return shared_.start;
    if (previous_stage_->jobs_.folder_of_start(row)) return previous_stage_->left_for(row);
    Start start = previous_stage_->for_timing(row);
    const Method& method = shared_.options.methods[row.method];
    if (method.trains == Trains::model) return start;
    const train::Adapter adapter = start.with(method.adapter);
    train::Model model(start.backbone, adapter, 1);
    start.adapter = train::as_fixed(adapter, model);
    return start;
  }

 private:
  /// The model that the row which `next`, a row of the next stage, builds on has left.
  Start left_for(const PlannedRow& next) {
    const Start from = previous_stage_ ? previous_stage_->left_for(next) : shared_.start;
    return model_left_by(from, shared_.options.methods[next.method], jobs_.folder_of_start(next).value());
  }

  Shared& shared_;
  RowJobs& jobs_;
  RowStarts* previous_stage_;
  std::optional<Start> start_;  // of the row made last, where rows build on others
};

}}}  // namespace neutra::NEUTRA_ABI::study
