/// The output folder of a run, and its layout.
#pragma once

#include "neutra/core/nearest.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/lock.hpp"
#include "neutra/io/output_file.hpp"
#include "neutra/io/sealed.hpp"
#include "neutra/train/stopped.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// results.json and report.html; options.json (the options and texts of the run); pretrain.json and backbone/ (a model
/// folder); backbone.json (its scores); fingerprint.json (see KnownFingerprint); runs/NAME/ (adapter or model,
/// checkpoint, log, outcome, and in a study a lock); lock, held by the process that writes, or that prepares a study.
class Output {
 public:
  /// Called while another process prepares the run, again and again; may throw.
  using Waiting = std::function<void()>;

  /// Opens a new or empty folder, without writing to it, or with `resume` the folder of an earlier run, which is
  /// locked. Error: a folder that holds a run, without resume; one locked by another process; one that holds other
  /// files, or parts of a run that cannot be continued; a path that is no folder.
  /// With `waiting` several processes may work in the folder, each on runs of its own: the folder's lock is held only
  /// while the run is prepared (see release), and waited for, and a run that is there is continued without `resume`.
  Output(std::filesystem::path folder, bool resume, Waiting waiting = {})
      : folder_(std::move(folder)), waiting_(std::move(waiting)) {
    resume = resume || waiting_;
    std::error_code problem;
    holds_run_ = std::filesystem::exists(folder_ / "options.json", problem);
    require(!problem, where(), ": cannot be used (", problem.message(), "); name a folder you may write to");
    require(!std::filesystem::exists(folder_) || std::filesystem::is_directory(folder_), where(),
            ": exists and is no folder; name another path");
    if (holds_run_ && !resume) holds_run_ = wrote_options();
    require(resume || !holds_run_, where(),
            ": holds a run already; add --resume to continue it, or name another folder");
    if (!waiting_) check_contents();  // else once the lock is held: another process may be starting the run
    if (!holds_run_) return;
    asked_before();  // checked before take() writes: an options.json without a seal may be another program's
    lock_ = take();
  }

  /// Creates the folder if necessary, locks it and records `asked`, the options of the run. Called once everything else
  /// has been checked. Options under the keys in `free` may differ from those of an earlier run; the new ones are
  /// recorded. Objects under the keys in `growing` may have new members; earlier members are kept. Error: another
  /// difference from an earlier run, with the first key that differs; a folder locked by another process; a path that
  /// cannot be written.
  void claim(io::Json asked, const std::set<std::string>& free = {}, const std::set<std::string>& growing = {}) {
    const auto path = folder_ / "options.json";
    io::make_folder(folder_, where());
    if (!lock_) {
      io::Lock lock = take();
      holds_run_ = std::filesystem::exists(path);
      require(!holds_run_ || waiting_, where(), ": another process has just started a run in it; name another folder");
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
      require(free.contains(key) || growing.contains(key) || (before.contains(key) && before[key] == value), where(),
              ": the run there was started with ", key, " = ", before.contains(key) ? before[key].dump() : "(nothing)",
              ", now it is ", value.dump(), "; use the same options, texts, model and program, or another --out");
    if (before != asked) io::write_sealed(path, asked);
  }

  /// The options recorded by the last claim; an empty object if the folder holds no run. Error: damage.
  io::Json asked_before() const {
    if (!holds_run_) return io::Json::object();
    return train::with_advice("restore it, continue with the version that began the run, or name another --out",
                              [&] { return io::read_sealed(folder_ / "options.json"); });
  }

  /// Lets other processes prepare the run, and work on runs of it that are not locked.
  void release() { lock_ = {}; }
  /// The lock on one training run; none if another process holds it.
  io::Lock lock_run(const std::string& name) const {
    const auto path = run(name);
    io::Lock lock = io::Lock::attempt(path / "lock", path.string());
    if (lock) {
      io::remove_temporaries(path);
      io::remove_temporaries(path / "model");
    }
    return lock;
  }
  bool run_is_locked(const std::string& name) const { return io::Lock::held(run_folder(name) / "lock"); }

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path backbone() const { return folder_ / "backbone"; }
  /// The folder of one training run.
  std::filesystem::path run_folder(const std::string& name) const { return folder_ / "runs" / name; }
  /// The same, created if necessary.
  std::filesystem::path run(const std::string& name) const {
    const auto path = run_folder(name);
    io::make_folder(path, path.string());
    return path;
  }

 private:
  /// Adds the members recorded before. Error: a member that has changed.
  void grow(io::Json& asked, const io::Json& before, const std::string& key) const {
    for (const auto& [name, value] : before.items()) {
      const auto now = asked.emplace(name, value).first;
      for (const auto& [what, old] : value.items())
        require(now->value(what, io::Json()) == old, where(), ": the run there was started with ", what, " = ",
                old.dump(), " in the ", key, " of ", name, ", now it is ", now->value(what, io::Json()).dump(),
                "; use another label for what has changed, or another --out");
      require(now->size() == value.size(), where(), ": the run there was started with other ", key, " of ", name,
              "; use another label for what has changed, or another --out");
    }
  }
  std::string where() const { return "--out " + folder_.string(); }
  io::Lock take() const {
    io::Lock lock(folder_ / "lock", where(), waiting_);
    io::remove_temporaries(folder_);
    io::remove_temporaries(backbone());
    if (waiting_) return lock;  // those of runs belong to the processes that work on them
    std::error_code none;
    for (const auto& run : std::filesystem::directory_iterator(folder_ / "runs", none)) {
      io::remove_temporaries(run.path());
      io::remove_temporaries(run.path() / "model");
    }
    return lock;
  }
  /// Whether the options.json in the folder was written by a run.
  bool wrote_options() const {
    try {
      asked_before();
      return true;
    } catch (const Error&) {
      return false;
    }
  }
  /// Nothing but the lock is written before options.json, so other files in a folder without one belong to another
  /// program, or to a run whose options are lost.
  void check_contents() const {
    std::error_code problem, ignored;
    if (holds_run_ || !std::filesystem::is_directory(folder_, ignored)) return;
    std::vector<std::string> found;
    for (const auto& item : std::filesystem::directory_iterator(folder_, problem)) {
      const std::string name = item.path().filename().string();
      const bool lock = name == "lock" && item.is_regular_file(ignored) && item.file_size(ignored) == 0;
      if (!lock && !io::is_temporary(name)) found.push_back(io::printable(name));
    }
    require(!problem, where(), ": cannot be read (", problem.message(), "); name a folder you may write to");
    std::sort(found.begin(), found.end());
    const std::size_t more = found.size() > 3 ? found.size() - 3 : 0;
    found.resize(found.size() - more);
    require(found.empty(), where(), ": holds ", listed(found), more > 0 ? concat(" and ", more, " more") : "",
            " but no options.json of a run, so there is no run to continue; name another folder, new or empty, or move "
            "the files away");
  }

  std::filesystem::path folder_;
  Waiting waiting_;
  bool holds_run_ = false;
  io::Lock lock_;
};

}}}  // namespace neutra::NEUTRA_ABI::study
