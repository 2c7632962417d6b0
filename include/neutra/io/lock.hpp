/// A lock that one process holds at a time.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/file.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <string>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// Holds an exclusive lock on a file, which is created if missing. The system releases the lock when the process ends,
/// however it ends. The file is never removed: otherwise two processes could lock two files of the same name. `what`
/// opens each message. Error: another process holds the lock; the file cannot be written or locked.
class Lock {
 public:
  Lock() = default;
  Lock(const Path& path, const std::string& what) {
    // O_NOFOLLOW: never write through a link.
    const int opened = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    int error = detail::error_of(opened >= 0);
    require(error == 0, what, ": cannot be written (", path.filename().string(), ": ", detail::reason(error),
            "); name a folder you may write to");
    file_ = detail::Descriptor(opened);
    error = detail::error_of(::flock(opened, LOCK_EX | LOCK_NB) == 0);
    require(error != EWOULDBLOCK, what, ": another process is using it; wait for it to end, or name another folder");
    require(error == 0, what, ": cannot be locked (", detail::reason(error), "); name a folder on another disk");
  }
  explicit operator bool() const { return bool(file_); }

 private:
  detail::Descriptor file_;
};

}}}  // namespace neutra::NEUTRA_ABI::io
