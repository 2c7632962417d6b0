/// What all main functions share: errors as one message; Ctrl-C and a lost terminal as a stop request.
#pragma once

#include "neutra/io/utf8.hpp"
#include "neutra/program/command_line.hpp"
#include "neutra/program/environment.hpp"
#include "neutra/train/stopped.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <concepts>
#include <csignal>
#include <cstdio>
#include <new>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

/// Opens /dev/null for standard streams that are closed at the start. Otherwise the next opened file would take the
/// number of one, and messages would go into, say, a checkpoint. Opened for reading only, so that writing a result
/// nobody can get is an error, as in other programs.
inline void open_streams() {
  int file = -1;
  while ((file = ::open("/dev/null", O_RDONLY)) >= 0 && file <= STDERR_FILENO) continue;
  if (file >= 0) ::close(file);
}

/// Turns SIGINT, SIGTERM, SIGUSR1 (which clusters send before their time limit) and SIGHUP into a stop request while
/// it exists, with a message. A second SIGINT, SIGTERM or SIGUSR1 ends the program at once; a second SIGHUP does not,
/// because a closing terminal sends several. SIGUSR2 stops too and never ends the program: a parent passes its own stop
/// on by it, whether or not its children got the same signal. Under nohup, SIGHUP stays ignored. Construct it before
/// any other thread, so that no other thread receives the signals, and before any file is opened. SIGXFSZ and SIGPIPE
/// are ignored: a file-size limit then is a write error like a full disk, and a reader of the messages that ends does
/// not end hours of training. Error: the thread that waits for signals cannot be created.
class StopOnSignal {
 public:
  StopOnSignal() {
    open_streams();
    for (const int signal : {SIGXFSZ, SIGPIPE}) std::signal(signal, SIG_IGN);
    sigemptyset(&set_);
    for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2}) sigaddset(&set_, signal);
    struct sigaction hang_up {};
    if (sigaction(SIGHUP, nullptr, &hang_up) == 0 && hang_up.sa_handler != SIG_IGN) sigaddset(&set_, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    try {
      waiter_ = std::thread([this] { wait(); });
    } catch (const std::system_error& error) {
      fail("no thread can be created (", error.code().message(),
           "); raise the process limit (ulimit -u, or that of the container)");
    }
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
  void wait() {
    for (int signal = 0; sigwait(&set_, &signal) == 0 && !ended_;) {
      const bool again = source_.stop_requested();
      if (again && (signal == SIGUSR2 || signal == SIGHUP)) continue;
      if (again) _exit(128 + signal);
      source_.request_stop();  // a newline first, if a progress line may be on the terminal
      std::fprintf(stderr, "%sstopping after this step; repeat to end at once\n", isatty(STDERR_FILENO) ? "\n" : "");
    }
  }

  sigset_t set_;
  std::stop_source source_;
  std::atomic<bool> ended_ = false;
  std::thread waiter_;
};

/// Prints the text on one line, whatever characters its names and values contain.
inline void print_line(std::string_view text) { std::fprintf(stderr, "%s\n", io::printable_whole(text).c_str()); }
inline void print_message(const char* name, const std::string& text) { print_line(concat(name, ": ", text)); }

/// The exit status of a program that has finished: 1, with a message, if its output could not be written.
inline int end_output(const char* name) {
  const bool flushed = std::fflush(stdout) == 0;
  if (flushed && !std::ferror(stdout)) return 0;
  print_message(name, "standard output cannot be written; is the disk full, or has the reading program ended?");
  return 1;
}

/// Runs a program's body. A body that takes a std::stop_token stops on signals (see StopOnSignal). Exit status: 0 done;
/// 1 an error, reported on one line; 130 stopped. `stopped_hint` says what to do after a stop.
template <class Body> int run_program(const char* name, Body&& body, const char* stopped_hint = "") {
  try {
    if constexpr (std::invocable<Body&, std::stop_token>) {
      const StopOnSignal signals;
      body(signals.token());
    } else {
      body();
    }
    return end_output(name);
  } catch (const HelpAsked& help) {
    std::fputs(help.what(), stdout);
    return end_output(name);
  } catch (const train::Stopped& stopped) {
    print_message(name, concat(stopped.what(), stopped_hint));
    return 130;
  } catch (const std::bad_alloc&) {
    print_message(name, "out of memory; use a smaller model, batch or sequence");
  } catch (const std::exception& error) {
    print_message(name, error.what());
  }
  return 1;
}

/// Sets the number of threads; 0: default_threads(). Uses fewer, with a note, if so many cannot be created.
/// Error: stacks that are too small (see check_stacks).
inline void set_threads(Index threads) {
  const std::string note = start_threads(threads, check_stacks());
  if (!note.empty()) print_line(note);
}

}}}  // namespace neutra::NEUTRA_ABI::program
