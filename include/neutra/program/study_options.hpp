/// The command line of a study: the options of `extend`, and those of its rows.
#pragma once

#include "neutra/data/byte_source.hpp"
#include "neutra/program/extend_options.hpp"
#include "neutra/program/study_program.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program { namespace detail {

/// What the command line of a study says beside the options of extend.
struct StudyOptions {
  study::Options options;
  io::Path data;
  bool list = false, join = false;
  std::vector<std::string> joined;  // folders whose results are joined
  Index jobs = 1, row = 0;          // row: counted from 1, 0: all
  Index worker = 0;                 // threads of a process that another one started; 0: this is the first
};

/// The defaults of studies: short runs, so that forty rows of a model of three million weights take an hour or two on
/// two cores. Alpha is 1, since the paper's 0.01 is weak at this scale (docs/results).
inline study::Options study_defaults() {
  study::Options o;
  o.steps = 400;
  o.batch = 8;
  o.seeds = 3;
  o.alphas = {1};
  o.adapter_rates = {2e-3, 5e-3, 1e-2};
  o.whole_curve = false;
  return o;
}

/// Error: texts on the command line of a study that names its own; a model, or none, against what its parts mean.
inline void check_sources(const CLI::App& app, const StudyProgram& program, const io::Path& model) {
  for (const char* option : {"--original", "--target", "--eval-original", "--eval-target"})
    require(!program.needs_data || app.count(option) == 0, option, ": ", program.name, " takes its texts from --data, ",
            "got ", io::printable(listed(app.get_option(option)->results())), "; leave it out");
  require(!program.pretrains || model.empty(), "--model: each part of ", program.name,
          " pretrains a backbone of its own, got ", model.string(), "; leave it out");
  require(!program.needs_model || !model.empty(), "--model is missing: each part of ", program.name,
          " extends the same model, and without one it would pretrain a backbone on texts of its own; name a model");
}

inline StudyOptions parse_study(int argc, const char* const* argv, const StudyProgram& program,
                                const adapter::Registry& registry) {
  study::Options defaults = study_defaults();
  if (program.defaults) program.defaults(defaults);
  StudyOptions asked;
  ExtendParser parser(registry, defaults, program.methods);
  CLI::App& app = parser.app();
  app.name(program.name);
  app.description(program.question);
  app.option_defaults()->group("Texts");
  if (program.needs_data)
    app.add_option("--data", asked.data, "folder with the texts that this study names: LANGUAGE/SOURCE.train.txt")
        ->required();
  app.option_defaults()->group("Rows");
  app.add_flag("--list", asked.list, "print the rows with their states and predicted times, and train none");
  app.add_option("--row", asked.row, "run this row alone, counted from 1 as --list does; for job arrays");
  app.add_option("--jobs", asked.jobs, "processes that run rows side by side and share the threads")
      ->capture_default_str();
  CLI::Option* join =
      app.add_option("--join", asked.joined, "make results of the rows that have ended, and of those in other folders")
          ->expected(0, -1);
  app.add_option("--worker", asked.worker)->group("");  // said to the processes of --jobs
  asked.options = parser.parse(argc, argv, program.variations.empty(), "--join");
  asked.join = join->count() > 0;
  check_sources(app, program, asked.options.model);
  const train::TextPaths texts = asked.options.texts();
  std::vector<std::vector<io::Path>> roles = {texts.original, texts.target, texts.eval_original, texts.eval_target};
  for (const auto& [name, paths] : texts.further) roles.push_back(paths);
  for (const auto& paths : roles)
    require(std::none_of(paths.begin(), paths.end(), data::is_standard_input), program.name,
            ": texts must be files, which each process of a study reads, got standard input (-); write it to a file");
  std::erase(asked.joined, "");
  study::detail::check_count(asked.jobs, "jobs");
  const bool one = app.get_option("--row")->count() > 0;
  require(!one || asked.row > 0, "--row must be at least 1, got ", asked.row);
  require(int{one} + int{asked.list} + int{asked.join} + int{asked.jobs > 1} <= 1,
          "--row, --list, --join and --jobs exclude each other; give one of them");
  require(asked.joined.empty() || program.variations.empty(),
          "--join takes no folders in a study of several parts; join the results of each part with report");
  return asked;
}

}}}}  // namespace neutra::NEUTRA_ABI::program::detail
