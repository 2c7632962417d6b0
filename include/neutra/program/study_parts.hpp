/// The parts of a study, whose rows have one numbering.
#pragma once

#include "neutra/io/folder_kind.hpp"
#include "neutra/io/utf8.hpp"
#include "neutra/program/program.hpp"
#include "neutra/program/study_options.hpp"
#include "neutra/program/study_program.hpp"
#include "neutra/study/options_json.hpp"
#include "neutra/study/rows.hpp"
#include "neutra/train/progress.hpp"

#include <deque>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program { namespace detail {

/// Progress that prints messages alone: rows are told when they end.
class Messages final : public train::Progress {
 public:
  void message(std::string_view text) override { print_line(text); }
};

/// What stands in one table: a study, or one of its variations.
struct StudyPart {
  StudyPart(std::string heading, const study::Options& options, const io::Json& config, std::stop_token stop,
            train::Progress& messages, study::Rows* before)
      : name(std::move(heading)),
        out(options.out),
        continues(before != nullptr),
        rows(options, config, std::move(stop), &messages, before) {}

  std::string name;  // empty for a study of one part
  io::Path out;
  bool continues;  // the part before it, see Variation
  study::Rows rows;
};

/// The parts of a study and the rows of all of them, counted from 0.
class StudyParts {
 public:
  /// Prepares all parts. Error: a text that is not there; as study::Rows::prepare. program: must outlive it.
  StudyParts(const StudyProgram& program, const StudyOptions& asked, std::string command, std::stop_token stop)
      : program_(program), command_(std::move(command)), stop_(std::move(stop)) {
    std::vector<study::Options> options;
    for (const Variation& variation : program.variations) {
      study::Options& own = options.emplace_back(asked.options);
      own.out = own.out / study::folder_name(variation.name);
      variation.change(own, asked.data);
      if (program.needs_data) check_texts(variation.name, own);  // of all parts before the first is prepared
    }
    // Part by part, so that no process holds the lock of one while it waits for another's.
    if (program.variations.empty()) add_part("", asked.options);
    for (std::size_t i = 0; i < options.size(); ++i) {
      const Variation& variation = program.variations[i];
      study::Rows* before = variation.continues ? &parts_.back().rows : nullptr;
      if (before) options[i].model = before->backbone();
      options[i].check();
      add_part(variation.name, options[i], before);
    }
  }

  std::deque<StudyPart>& all() { return parts_; }

  /// The number of rows.
  std::size_t count() const { return places_.size(); }
  /// The part of a row, and its number there.
  std::pair<study::Rows&, std::size_t> place(std::size_t row) {
    return {places_[row].first->rows, places_[row].second};
  }
  study::RowState state(std::size_t row) {
    const auto [rows, own] = place(row);
    return rows.state(own);
  }
  /// "languages: adapter, 400 steps, rate 0.002, seed 1"
  std::string name(std::size_t row) {
    const auto [part, own] = places_[row];
    const study::PlannedRow& planned = part->rows.plan()[own];
    return concat(part->name.empty() ? "" : part->name + ": ", io::printable(part->rows.method(own).label),
                  planned.alpha ? concat(", alpha ", *planned.alpha) : "",
                  part->rows.sweeps_length() ? concat(", ", planned.steps, " steps") : "",
                  part->rows.sweeps_share() ? concat(", share ", planned.share) : "",
                  planned.rate ? concat(", rate ", *planned.rate) : ", the selected rate", ", seed ", planned.seed);
  }

 private:
  /// Error: a text of a part that is not there.
  static void check_texts(const std::string& part, const study::Options& options) {
    const train::TextPaths texts = options.texts();
    const auto check = [&](const std::vector<io::Path>& paths) {
      for (const io::Path& path : paths)
        require(io::is_there(path), part, ": there is no text file ", path.string(),
                "; docs/studies.md names the texts of this study");
    };
    for (const auto* paths : {&texts.original, &texts.target, &texts.eval_original, &texts.eval_target}) check(*paths);
    for (const auto& [name, paths] : texts.further) check(paths);
  }

  void add_part(const std::string& name, const study::Options& options, study::Rows* before = nullptr) {
    const io::Json config = {{"command", command_},
                             {"study", program_.name},
                             {"question", program_.question},
                             {"options", to_json(options)}};
    StudyPart& part = parts_.emplace_back(name, options, config, stop_, messages_, before);
    part.rows.prepare();
    for (std::size_t row = 0; row < part.rows.plan().size(); ++row) places_.emplace_back(&part, row);
  }

  const StudyProgram& program_;
  std::string command_;
  std::stop_token stop_;
  Messages messages_;
  std::deque<StudyPart> parts_;
  std::vector<std::pair<StudyPart*, std::size_t>> places_;  // of every row
};

}}}}  // namespace neutra::NEUTRA_ABI::program::detail
