/// What the main functions of programs share: errors as one message, Ctrl-C as a stop request.
#pragma once

#include "neutra/train/command_line.hpp"
#include "neutra/train/cpu_quota.hpp"
#include "neutra/train/stopped.hpp"

#include <fcntl.h>
#include <omp.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <stop_token>
#include <string>
#include <thread>

namespace neutra::inline NEUTRA_ABI::train {

/// Puts /dev/null where the program was started without a standard stream: the next file that is opened would take its number, and messages would go
/// into a checkpoint. Opened for reading, so that a result that nobody gets is an error, as with other programs.
inline void open_streams() {
  int file = -1;
  while ((file = ::open("/dev/null", O_RDONLY)) >= 0 && file <= STDERR_FILENO) continue;
  if (file >= 0) ::close(file);
}

/// Turns SIGINT and SIGTERM into a stop request while it lives, and says so; a second signal ends the program at once. Made before any other thread,
/// so that no other thread is interrupted, and before any file is opened. SIGXFSZ and SIGPIPE are ignored: a file-size limit shows as an error of the
/// write, like a full disk, and a reader of the messages that has ended must not end hours of training.
class StopOnSignal {
 public:
  StopOnSignal() {
    open_streams();
    for (const int signal : {SIGXFSZ, SIGPIPE}) std::signal(signal, SIG_IGN);
    sigemptyset(&set_);
    for (const int signal : {SIGINT, SIGTERM, SIGUSR2}) sigaddset(&set_, signal);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    waiter_ = std::thread([this] {
      for (int signal = 0; sigwait(&set_, &signal) == 0 && !ended_;) {
        if (signal == SIGUSR2) continue;  // somebody else's; the destructor's comes with ended_
        if (source_.stop_requested()) _exit(128 + signal);
        source_.request_stop();  // then, below a progress line that may stand on the terminal:
        std::fprintf(stderr, "%sstopping after this step; again ends at once\n", isatty(STDERR_FILENO) ? "\n" : "");
      }
    });
  }
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;
  ~StopOnSignal() {
    ended_ = true;
    pthread_kill(waiter_.native_handle(), SIGUSR2);
    waiter_.join();
  }
  std::stop_token token() const { return source_.get_token(); }

 private:
  sigset_t set_;
  std::stop_source source_;
  std::atomic<bool> ended_ = false;
  std::thread waiter_;
};

/// Prints on one line, whatever the names and values in the text hold.
inline void print_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return (c >= 0 && c < ' ') || c == 127; }, ' ');
  std::fprintf(stderr, "%s\n", text.c_str());
}
inline void print_message(const char* name, const std::string& text) { print_line(concat(name, ": ", text)); }

/// The exit status of a program that has done its work: 1, with a message, where what it printed did not get out.
inline int end_output(const char* name) {
  const bool flushed = std::fflush(stdout) == 0;
  if (flushed && !std::ferror(stdout)) return 0;
  print_message(name, "standard output cannot be written; is the disk full, or has the program that reads it ended?");
  return 1;
}

/// Runs a program's body. Exit status: 0 done, 1 an error, told in one line, 130 stopped; `stopped_hint` is what to do then.
template <class Body> int run_program(const char* name, Body&& body, const char* stopped_hint = "") {
  try {
    body();
    return end_output(name);
  } catch (const HelpAsked& help) {
    std::fputs(help.what(), stdout);
    return end_output(name);
  } catch (const Stopped& stopped) {
    print_message(name, concat(stopped.what(), stopped_hint));
    return 130;
  } catch (const std::bad_alloc&) {
    print_message(name, "out of memory; use a smaller model, batch or sequence");
  } catch (const std::exception& error) {
    print_message(name, error.what());
  }
  return 1;
}

/// Sets the number of threads that loops share: `threads`, or for 0 what OMP_NUM_THREADS says, else as many as the process may use, by its affinity
/// mask (which OpenMP heeds) and whole processors of its CPU quota.
inline void set_threads(Index threads) {
  if (threads > 0) return omp_set_num_threads(static_cast<int>(threads));
  if (std::getenv("OMP_NUM_THREADS")) return;
  const double quota = std::max(1.0, cpu_quota());
  if (quota < omp_get_max_threads()) omp_set_num_threads(static_cast<int>(quota));
}

}  // namespace neutra::inline NEUTRA_ABI::train
