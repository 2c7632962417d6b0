/// The folder a run writes to, and what lies where.
#pragma once

#include "neutra/core/nearest.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/lock.hpp"
#include "neutra/io/output_file.hpp"
#include "neutra/io/sealed.hpp"
#include "neutra/train/stopped.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// results.json and report.html; options.json (what the run was asked, and of which texts); pretrain.json and backbone/
/// (a llama folder); runs/NAME/ (adapter or model, checkpoint, log, outcome); lock, held by the process that writes.
class Output {
 public:
  /// A new or empty folder, in which nothing is written yet, or with `resume` an earlier run's, which is locked. Error:
  /// a folder that holds a run, without resume, or that another process holds; one that holds anything else, be it
  /// somebody's files or parts of a run that cannot be continued; a place that is no folder.
  Output(std::filesystem::path folder, bool resume) : folder_(std::move(folder)) {
    std::error_code problem;
    holds_run_ = std::filesystem::exists(folder_ / "options.json", problem);
    require(!problem, where(), ": cannot be used (", problem.message(), "); name a folder you may write to");
    require(!std::filesystem::exists(folder_) || std::filesystem::is_directory(folder_), where(),
            ": is there and is no folder; name another place");
    if (holds_run_ && !resume) holds_run_ = wrote_options();
    require(resume || !holds_run_, where(),
            ": holds a run already; add --resume to continue it, or name another folder");
    check_contents();
    if (!holds_run_) return;
    asked_before();  // for its checks, before take() writes: an options.json without a seal may be somebody's
    lock_ = take();
  }

  /// From now on the folder, made if it is not there, holds the run that was asked and is this object's alone; called
  /// when nothing can be wrong with it any more. What is asked under the keys in `free` may differ from before and is
  /// remembered as it is now; the objects under the keys in `growing` may have other members, and those of before are
  /// remembered too. Error: an earlier run was asked otherwise, by the first key that differs; another process; a place
  /// that cannot be written.
  void claim(io::Json asked, const std::set<std::string>& free = {}, const std::set<std::string>& growing = {}) {
    const auto path = folder_ / "options.json";
    io::make_folder(folder_, where());
    if (!lock_) {
      io::Lock lock = take();
      require(!std::filesystem::exists(path), where(),
              ": another process has just started a run in it; name another folder");
      check_contents();
      lock_ = std::move(lock);
    }
    if (!holds_run_) {
      io::write_sealed(path, asked);
      holds_run_ = true;
      return;
    }
    const io::Json before = asked_before();
    for (const std::string& key : growing)
      if (before.contains(key)) grow(asked[key], before[key], key);
    for (const auto& [key, value] : asked.items())
      require(free.contains(key) || growing.contains(key) || (before.contains(key) && before[key] == value),
              "--resume: the run in ", folder_.string(), " was started with ", key, " = ",
              before.contains(key) ? before[key].dump() : "(nothing)", ", now it is ", value.dump(),
              "; use the same options, texts, model and program, or another --out");
    if (before != asked) io::write_sealed(path, asked);
  }

  /// What the run in the folder was asked when it was last claimed; an empty object where there is none.      Error:
  /// damage.
  io::Json asked_before() const {
    if (!holds_run_) return io::Json::object();
    return train::with_advice("bring it back, continue with the version that began the run, or name another --out",
                              [&] { return io::read_sealed(folder_ / "options.json"); });
  }

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path backbone() const { return folder_ / "backbone"; }
  /// Where one training run is at home.
  std::filesystem::path run_folder(const std::string& name) const { return folder_ / "runs" / name; }
  /// The same, made if it is not there.
  std::filesystem::path run(const std::string& name) const {
    const auto path = run_folder(name);
    io::make_folder(path, path.string());
    return path;
  }

 private:
  /// Adds what is remembered. Error: a member that both have, and not the same.
  void grow(io::Json& asked, const io::Json& before, const std::string& key) const {
    for (const auto& [name, value] : before.items()) {
      const auto now = asked.emplace(name, value).first;
      for (const auto& [what, old] : value.items())
        require(now->value(what, io::Json()) == old, "--resume: the run in ", folder_.string(), " was started with ",
                what, " = ", old.dump(), " in the ", key, " of ", name, ", now it is ",
                now->value(what, io::Json()).dump(), "; give what is another a name of its own, or another --out");
      require(now->size() == value.size(), "--resume: the run in ", folder_.string(), " was started with other ", key,
              " of ", name, "; give what is another a name of its own, or another --out");
    }
  }
  std::string where() const { return "--out " + folder_.string(); }
  io::Lock take() const {
    io::Lock lock(folder_ / "lock", where());
    io::remove_temporaries(folder_);
    io::remove_temporaries(backbone());
    std::error_code none;
    for (const auto& run : std::filesystem::directory_iterator(folder_ / "runs", none)) {
      io::remove_temporaries(run.path());
      io::remove_temporaries(run.path() / "model");
    }
    return lock;
  }
  /// Whether it was a run that wrote the options.json that is there.
  bool wrote_options() const {
    try {
      asked_before();
      return true;
    } catch (const Error&) {
      return false;
    }
  }
  /// Nothing but the lock is written before options.json, so whatever lies in a folder without one is somebody else's,
  /// or of a run whose options are lost.
  void check_contents() const {
    std::error_code problem, ignored;
    if (holds_run_ || !std::filesystem::is_directory(folder_, ignored)) return;
    std::vector<std::string> found;
    for (const auto& item : std::filesystem::directory_iterator(folder_, problem)) {
      const std::string name = item.path().filename().string();
      const bool lock = name == "lock" && item.is_regular_file(ignored) && item.file_size(ignored) == 0;
      if (!lock && !io::is_temporary(name)) found.push_back(io::printable(name));
    }
    require(!problem, where(), ": cannot be looked into (", problem.message(), "); name a folder you may write to");
    std::sort(found.begin(), found.end());
    const std::size_t more = found.size() > 3 ? found.size() - 3 : 0;
    found.resize(found.size() - more);
    require(found.empty(), where(), ": holds ", listed(found), more > 0 ? concat(" and ", more, " more") : "",
            " but no options.json of a run, and so no run that could be continued; name another folder, one that is "
            "new or empty, or move that away");
  }

  std::filesystem::path folder_;
  bool holds_run_ = false;
  io::Lock lock_;
};

}}}  // namespace neutra::NEUTRA_ABI::study
