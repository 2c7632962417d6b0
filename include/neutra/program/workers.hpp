/// Further processes of a program, which work beside each other.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/train/stopped.hpp"

#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

namespace detail {

/// The arguments with --worker THREADS added.
inline pid_t spawn_worker(int argc, const char* const* argv, Index threads) {
  std::vector<std::string> arguments(argv, argv + argc);
  arguments.push_back("--worker");
  arguments.push_back(concat(threads));
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;  // this process blocks the signals that its own thread waits for
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t child = 0;
  const int error = ::posix_spawn(&child, "/proc/self/exe", nullptr, &attributes, pointers.data(), environ);
  posix_spawnattr_destroy(&attributes);
  require(error == 0, "--jobs: a process cannot be started (", std::strerror(error), "); give fewer jobs");
  return child;
}

}  // namespace detail

/// In a process that run_workers started: a stop request when the one that started it ends, however it does.
inline void stop_with_parent() { ::prctl(PR_SET_PDEATHSIG, SIGUSR2); }

/// Starts `jobs` processes of this program with --worker and so many threads each, and waits for them. A stop request
/// is passed on (see StopOnSignal). Returns a sentence for each that ended with an error; its own message is on
/// standard error. Error: a process cannot be started, and the others have been stopped; Stopped.
inline std::vector<std::string> run_workers(int argc, const char* const* argv, Index jobs, Index threads,
                                            std::stop_token stop) {
  std::vector<pid_t> children;
  std::vector<std::string> errors;
  std::optional<Error> refused;
  for (Index job = 0; job < jobs && !refused; ++job) try {
      children.push_back(detail::spawn_worker(argc, argv, std::max<Index>(1, threads)));
    } catch (const Error& error) {
      refused = error;
    }
  for (bool told = false; !children.empty();) {
    if ((refused || stop.stop_requested()) && !std::exchange(told, true))
      for (const pid_t child : children) ::kill(child, SIGUSR2);
    std::erase_if(children, [&](pid_t child) {
      int status = 0;
      const pid_t ended = ::waitpid(child, &status, WNOHANG);
      if (ended == 0) return false;
      const int code = ended < 0 ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      if (code != 0) errors.push_back(concat("a process of --jobs ended with status ", code));
      return true;
    });
    if (!children.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  if (refused) throw *refused;
  if (stop.stop_requested()) throw train::Stopped("stopped");
  return errors;
}

}}}  // namespace neutra::NEUTRA_ABI::program
