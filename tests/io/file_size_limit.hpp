// A limit on the size of files, which stands for a full disk: writing fails in the middle of a file.
#pragma once

#include "tests/io/scratch.hpp"

#include <sys/resource.h>

#include <csignal>
#include <string>

namespace scratch {

// Limits the size of the files of this process within a scope. write() then fails instead of killing the process.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

// The text of the Error that f throws under such a limit; "" if it throws none.
template <class F> std::string message_at_limit(rlim_t bytes, F&& f) {
  const FileSizeLimit limit(bytes);
  return message(f);
}

}  // namespace scratch
