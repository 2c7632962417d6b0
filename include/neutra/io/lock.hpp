/// A lock that one process holds at a time.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/file.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// Holds an exclusive lock on a file, which is created if missing. The system releases the lock when the process ends,
/// however it ends. The file is never removed: otherwise two processes could lock two files of the same name. `what`
/// opens each message.
class Lock {
 public:
  Lock() = default;
  /// While another process holds the lock, calls `waiting` ten times a second, which may throw. Error: the file cannot
  /// be written or locked; another process holds the lock, and there is no `waiting`.
  Lock(const Path& path, const std::string& what, const std::function<void()>& waiting = {}) {
    while (!take(path, what)) {
      require(bool(waiting), what, ": another process is using it; wait for it to end, or name another folder");
      waiting();
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  explicit operator bool() const { return bool(file_); }

  /// The lock, or none if another process holds it.
  static Lock attempt(const Path& path, const std::string& what) {
    Lock lock;
    for (int tries = 0; tries < 5 && !lock.take(path, what); ++tries)  // held() takes it for a moment
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return lock;
  }
  /// Whether a process, this one included, holds the lock on a file.
  static bool held(const Path& path) {
    const detail::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    return file && ::flock(file.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  }

 private:
  /// Whether the lock was free.
  bool take(const Path& path, const std::string& what) {
    // O_NOFOLLOW: never write through a link.
    detail::Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
    int error = detail::error_of(bool(file));
    require(error == 0, what, ": cannot be written (", path.filename().string(), ": ", detail::reason(error),
            "); name a folder you may write to");
    error = detail::error_of(::flock(file.get(), LOCK_EX | LOCK_NB) == 0);
    if (error == EWOULDBLOCK) return false;
    require(error == 0, what, ": cannot be locked (", detail::reason(error), "); name a folder on another disk");
    file_ = std::move(file);
    return true;
  }

  detail::Descriptor file_;
};

}}}  // namespace neutra::NEUTRA_ABI::io
