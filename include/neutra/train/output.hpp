/// The folder a run writes to, and what lies where.
#pragma once

#include "neutra/io/file.hpp"
#include "neutra/io/json.hpp"

#include <filesystem>

namespace neutra::inline NEUTRA_ABI::train {

/// results.json and report.html; options.json (what the run was asked, and of which texts); backbone/ (a llama folder); runs/NAME/ (adapter or model,
/// checkpoint, log, outcome).
class Output {
 public:
  /// A new folder, or an earlier run's with `resume`; nothing is written yet. Error: a folder that holds a run, without resume; a place that is no
  /// folder.
  Output(std::filesystem::path folder, bool resume) : folder_(std::move(folder)) {
    std::error_code problem;
    const bool holds_run = std::filesystem::exists(folder_ / "options.json", problem);
    require(!problem, "--out ", folder_.string(), ": cannot be used (", problem.message(), "); name a folder you may write to");
    require(!std::filesystem::exists(folder_) || std::filesystem::is_directory(folder_), "--out ", folder_.string(),
            ": is there and is no folder; name another place");
    require(resume || !holds_run, "--out ", folder_.string(), ": holds a run already; add --resume to continue it, or name another folder");
  }

  /// From now on the folder, made if it is not there, holds the run that was asked; called when nothing can be wrong with it any more.
  /// Error: an earlier run was asked otherwise, by the first key that differs; a place that cannot be written.
  void claim(const io::Json& asked) const {
    const auto path = folder_ / "options.json";
    if (std::filesystem::exists(path)) {
      const io::Json before = io::read_json(path);
      for (const auto& [key, value] : asked.items())
        require(before.contains(key) && before[key] == value, "--resume: the run in ", folder_.string(), " was started with ", key, " = ",
                before.contains(key) ? before[key].dump() : "(nothing)", ", now it is ", value.dump(),
                "; use the same options, texts and program, or another --out");
      return;
    }
    std::error_code problem;
    std::filesystem::create_directories(folder_, problem);
    require(!problem, "--out ", folder_.string(), ": cannot be made (", problem.message(), "); name a folder you may write to");
    io::write_json(path, asked);
  }

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path backbone() const { return folder_ / "backbone"; }
  /// The folder of one training run, made if it is not there.
  std::filesystem::path run(const std::string& name) const {
    const auto path = folder_ / "runs" / name;
    std::error_code problem;
    std::filesystem::create_directories(path, problem);
    require(!problem, path.string(), ": cannot be made (", problem.message(), "); check the permissions and room of the folder above");
    return path;
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace neutra::inline NEUTRA_ABI::train
