/// The folder a run writes to: what lies where, and the log.
#pragma once

#include "neutra/io/file.hpp"
#include "neutra/io/json.hpp"

#include <cstdio>
#include <filesystem>
#include <memory>

namespace neutra::inline NEUTRA_ABI::train {

/// results.json and report.html; options.json (what the run was asked); backbone/ (a llama folder); runs/NAME/ (adapter or model, checkpoint, log, outcome).
class Output {
 public:
  /// A new folder, or an earlier run's with `resume`. Error: a folder that holds a run, without resume; other options than the earlier run's, by name;
  /// a place that cannot be written.
  Output(std::filesystem::path folder, const io::Json& options, bool resume) : folder_(std::move(folder)) {
    const auto asked = folder_ / "options.json";
    std::error_code problem;
    std::filesystem::create_directories(folder_, problem);
    require(!problem, "--out ", folder_.string(), ": cannot be made (", problem.message(), "); name a folder you may write to");
    if (std::filesystem::exists(asked)) {
      require(resume, "--out ", folder_.string(), ": holds a run already; add --resume to continue it, or name another folder");
      const io::Json before = io::read_json(asked);
      for (const auto& [key, value] : options.items())
        require(before.contains(key) && before[key] == value, "--resume: the run in ", folder_.string(), " was started with ", key, " = ",
                before.contains(key) ? before[key].dump() : "(nothing)", ", now it is ", value.dump(), "; use the same options, or another --out");
    }
    options_ = options;
  }

  /// From now on the folder holds a run: called when there is something to continue.
  void claim() const {
    if (const auto asked = folder_ / "options.json"; !std::filesystem::exists(asked)) io::write_json(asked, options_);
  }

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path backbone() const { return folder_ / "backbone"; }
  /// The folder of one training run, made if it is not there.
  std::filesystem::path run(const std::string& name) const {
    const auto path = folder_ / "runs" / name;
    std::error_code problem;
    std::filesystem::create_directories(path, problem);
    require(!problem, path.string(), ": cannot be made (", problem.message(), ")");
    return path;
  }

 private:
  std::filesystem::path folder_;
  io::Json options_;
};

/// One JSON object per line. Opening it for step n keeps the lines of the steps before n: after a kill the log may be ahead of the checkpoint.
class Log {
 public:
  Log(const std::filesystem::path& path, Index from_step) : path_(path) {
    std::string kept;
    if (from_step > 0 && std::filesystem::exists(path)) {
      const std::string old = io::read_file(path, std::uint64_t{1} << 40);
      Index lines = 0;
      std::size_t end = 0;
      while (lines < from_step && end < old.size()) {
        const auto newline = old.find('\n', end);
        if (newline == old.npos) break;  // a line that was cut
        end = newline + 1;
        ++lines;
      }
      kept = old.substr(0, end);
    }
    io::write_file(path, kept);
    file_.reset(std::fopen(path.c_str(), "ab"));
    require(file_ != nullptr, path.string(), ": cannot be opened for the log");
  }
  /// Error: a line that could not be written, as on a full disk.
  void write(const io::Json& line) {
    const std::string text = line.dump() + "\n";
    require(std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size() && std::fflush(file_.get()) == 0, path_.string(),
            ": the log cannot be written; is the disk full? The last checkpoint is whole: free some space and continue with --resume");
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace neutra::inline NEUTRA_ABI::train
