// Programs run as users run them: arguments in, exit status, both streams and files out.
#pragma once

#include "neutra/core/error.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace programs {

using Path = std::filesystem::path;
using Words = std::vector<std::string>;

inline std::string path_of(const std::string& program) { return std::string(NEUTRA_PROGRAMS) + "/" + program; }

/// status: the exit status, or 128 + the signal that ended it.
struct Ended {
  int status = 0;
  std::string out, err;
};

/// A running program. One thread unless told otherwise: two on a busy machine wait for each other, and results do not
/// depend on them.
class Process {
 public:
  /// `file_limit`: the largest file it may write, in bytes; 0: any.
  explicit Process(const Words& command, std::uint64_t file_limit = 0, const char* threads = "1") {
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const Path out = folder_ / "out", err = folder_ / "err";
    child_ = fork();
    if (child_ == 0) start(arguments, out, err, file_limit, threads);
    neutra::require(child_ > 0, "no process can be started");
  }
  Process(const Process&) = delete;
  ~Process() {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
  }

  void send(int signal) const { kill(child_, signal); }
  bool running() {
    if (child_ > 0 && waitpid(child_, &status_, WNOHANG) == child_) child_ = 0;
    return child_ > 0;
  }
  /// Whether it has taken SIGINT into its own hands; before that, one ends it without a word. While it is still a copy
  /// of this program, fork() blocks signals for a moment, which does not count.
  bool holds_interrupts() const {
    const Path process = "/proc/" + std::to_string(child_);
    std::error_code gone;
    if (std::filesystem::read_symlink(process / "exe", gone) == std::filesystem::read_symlink("/proc/self/exe"))
      return false;
    std::istringstream status(scratch::get(process / "status"));
    std::uint64_t blocked = 0;
    for (std::string key; status >> key;)
      if (key == "SigBlk:") status >> std::hex >> blocked;
    return (blocked >> (SIGINT - 1)) & 1;
  }
  /// What is on stdout, or stderr, so far.
  std::string output() const { return scratch::get(folder_ / "out"); }
  std::string errors() const { return scratch::get(folder_ / "err"); }
  Ended wait() {
    if (child_ > 0) {
      waitpid(child_, &status_, 0);
      child_ = 0;
    }
    return {WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_), scratch::get(folder_ / "out"),
            scratch::get(folder_ / "err")};
  }

 private:
  [[noreturn]] static void start(std::vector<char*>& arguments, const Path& out, const Path& err,
                                 std::uint64_t file_limit, const char* threads) {
    setenv("OMP_NUM_THREADS", threads, 1);
    const int output = open(out.c_str(), O_WRONLY | O_CREAT, 0600),
              errors = open(err.c_str(), O_WRONLY | O_CREAT, 0600);
    dup2(output, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    if (file_limit > 0) {
      const rlimit limit{file_limit, file_limit};
      setrlimit(RLIMIT_FSIZE, &limit);
    }
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  scratch::Folder folder_;
  pid_t child_ = 0;
  int status_ = 0;
};

inline Ended run(const Words& command, std::uint64_t file_limit = 0, const char* threads = "1") {
  return Process(command, file_limit, threads).wait();
}

/// Waits until the condition holds; false after half a minute, or when the program has ended before.
inline bool wait_for(Process& process, const std::function<bool()>& condition) {
  for (int tries = 0; tries < 30000 && process.running(); ++tries) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

/// The lines of a text that begin with "NAME: ": the messages of a program.
inline Words messages(const std::string& text, const std::string& program) {
  Words found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(program + ": ")) found.push_back(line);
  return found;
}

/// Whether a command fails with exit status 1, nothing on stdout, and one line on stderr that begins with its name and
/// says all of the parts.
template <class... Parts> bool refuses(const Words& command, const Parts&... parts) {
  const Ended ended = run(command);
  const std::string name = Path(command.at(0)).filename();
  const bool one_line = ended.err.starts_with(name + ": ") && ended.err.find('\n') == ended.err.size() - 1;
  const bool says = ((ended.err.find(parts) != std::string::npos) && ...);
  if (ended.status != 1 || !ended.out.empty() || !one_line || !says)
    UNSCOPED_INFO("status " << ended.status << ", stdout \"" << ended.out << "\", stderr \"" << ended.err << '"');
  return ended.status == 1 && ended.out.empty() && one_line && says;
}

/// Every file under a folder by its relative path, with its bytes.
inline std::map<std::string, std::string> files_of(const Path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& item : std::filesystem::recursive_directory_iterator(folder))
    if (item.is_regular_file())
      files[std::filesystem::relative(item.path(), folder).string()] = scratch::get(item.path());
  return files;
}

}  // namespace programs
