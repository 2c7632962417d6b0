/// One process at a time.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/file.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <string>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// Holds a file, made if it is not there, that no other Lock can hold; the system lets go of it when the process ends,
/// however it ends. The file stays: to remove it would let two hold two files of one name. Error: held by another; a
/// place that cannot be written or locked. `what` opens each message.
class Lock {
 public:
  Lock() = default;
  Lock(const Path& path, const std::string& what) {
    const int opened =
        ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);  // a link is not written through
    int error = detail::error_of(opened >= 0);
    require(error == 0, what, ": cannot be written (", path.filename().string(), ": ", detail::reason(error),
            "); name a folder you may write to");
    file_ = detail::Descriptor(opened);
    error = detail::error_of(::flock(opened, LOCK_EX | LOCK_NB) == 0);
    require(error != EWOULDBLOCK, what,
            ": another process is at work in it; wait until that has ended, or name another folder");
    require(error == 0, what, ": cannot be locked (", detail::reason(error), "); name a folder on another disk");
  }
  explicit operator bool() const { return bool(file_); }

 private:
  detail::Descriptor file_;
};

}}}  // namespace neutra::NEUTRA_ABI::io
