/// Files written so that a reader never sees half of one, and what writing them may leave behind.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// Thrown where a file or folder cannot be written, as on a full disk.
class WriteError : public Error {
 public:
  using Error::Error;
};

/// A file that comes into being whole or not at all: bytes go to a temporary beside it, and commit() flushes this and
/// renames it over the target. Without commit(), after any Error or an exception of the caller, the temporary is
/// removed and the old file is as it was. A symbolic link is never written through: the new file takes the link's
/// place, and the file that it led to is as it was. Whoever can read the old file, or the one a link led to, can read
/// the new one: its mode is kept. The temporary is NAME.neutra.tmp-PID-N, locked (flock) for as long as it is written;
/// see remove_temporaries. Error: which file, and why (disk full, file-size limit, no such folder, ...). A process at
/// its file-size limit is killed by SIGXFSZ before write can report it: programs call std::signal(SIGXFSZ, SIG_IGN) at
/// their start.
class OutputFile {
 public:
  explicit OutputFile(const Path& path) : target_(path) {
    struct stat status {};
    const int error = detail::error_of(::lstat(path.c_str(), &status) == 0);
    check(error == ENOENT ? 0 : error);
    const bool there = error == 0, link = there && S_ISLNK(status.st_mode);
    if (there && !link && !S_ISREG(status.st_mode))
      throw WriteError(
          concat(path.string(), ": cannot be written: it is there and is not a regular file; choose another name"));
    if (there && (!link || ::stat(path.c_str(), &status) == 0) && S_ISREG(status.st_mode))
      mode_ = status.st_mode & 0777;
    open();
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile() {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }

  std::string name() const { return target_.string(); }

  /// Appends bytes.
  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto count = ::write(file_.get(), bytes.data(), std::min<std::size_t>(bytes.size(), std::size_t{1} << 30));
      const int error = count == 0 ? ENOSPC : detail::error_of(count > 0);
      if (error == EINTR) continue;
      check(error);
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  /// Puts what was written in the place of the target, on the disk and not only in the system's memory.
  void commit() {
    check(detail::error_of(::fsync(file_.get()) == 0));
    check(detail::error_of(::rename(temporary_.c_str(), target_.c_str()) == 0));
    temporary_.clear();
    const int closing = detail::error_of(file_.close() == 0);  // only now: the lock goes with it
    const Path folder = target_.parent_path();
    const detail::Descriptor handle(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY));
    // Folders that cannot be opened or flushed (permissions, some network disks) leave the moment of the rename to the
    // system.
    const int flushing = handle ? detail::error_of(::fsync(handle.get()) == 0) : 0;
    const int lost = closing != 0 ? closing : flushing == EIO ? EIO : 0;
    if (lost != 0)
      throw WriteError(concat(name(), ": written, but ", closing != 0 ? "closing it" : "flushing its folder",
                              " failed: ", detail::reason(lost), "; check the disk"));
  }

 private:
  void open() {
    static std::atomic<unsigned> counter{0};
    int error = EEXIST;  // left by a process that was killed and had this one's number
    while (error == EEXIST) {
      temporary_ = target_;
      temporary_ += concat(".neutra.tmp-", ::getpid(), "-", counter++);
      const int made = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode_.value_or(0666));
      error = detail::error_of(made >= 0);
      file_ = detail::Descriptor(made);
      if (error == 0 && !hold()) error = EEXIST;
    }
    if (error != 0) temporary_.clear();  // not ours to remove
    check(error);
    if (mode_) ::fchmod(file_.get(), *mode_);  // what the umask took away; some disks know no modes
  }
  /// Locks the temporary; false if remove_temporaries took it for a left-over before that. On a disk without locks that
  /// removes nothing.
  bool hold() const {
    while (::flock(file_.get(), LOCK_EX) != 0 && errno == EINTR) continue;
    struct stat status {};
    return ::fstat(file_.get(), &status) != 0 || status.st_nlink > 0;
  }
  void check(int error) const {
    if (error != 0)
      throw WriteError(concat(name(), ": cannot be written: ", detail::reason(error),
                              "; what was there before is unchanged; free space or choose another folder"));
  }

  Path target_, temporary_;
  std::optional<mode_t> mode_;  // of the file that is replaced
  detail::Descriptor file_;
};

/// Whether a file's name is that of a temporary of OutputFile: NAME.neutra.tmp-PID-N.
inline bool is_temporary(std::string_view name) {
  constexpr std::string_view mark = ".neutra.tmp-";
  const auto at = name.rfind(mark);
  if (at == name.npos || at == 0) return false;
  const std::string_view numbers = name.substr(at + mark.size());
  const auto dash = numbers.find('-');
  const auto number = [](std::string_view digits) {
    return !digits.empty() && digits.find_first_not_of("0123456789") == digits.npos;
  };
  return dash != numbers.npos && number(numbers.substr(0, dash)) && number(numbers.substr(dash + 1));
}

/// Removes what OutputFile left in a folder where its program was killed; folders below it are not looked into. A
/// temporary that a living process writes is locked and stays, whatever its number is and on whichever machine that
/// shares the disk it runs; so does everything else.
inline void remove_temporaries(const Path& folder) {
  std::error_code ignored;
  for (const auto& item : std::filesystem::directory_iterator(
           folder, std::filesystem::directory_options::skip_permission_denied, ignored)) {
    if (!is_temporary(item.path().filename().native())) continue;
    const detail::Descriptor file(::open(item.path().c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat status {};
    if (file && ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode) &&
        ::flock(file.get(), LOCK_EX | LOCK_NB) == 0)
      ::unlink(item.path().c_str());
  }
}

/// Makes a folder, and those above it, where they are not there; `name` is what the message calls it. Error: it cannot
/// be made, as where a file or a link that leads nowhere stands in the way.
inline void make_folder(const Path& folder, std::string_view name) {
  std::error_code problem, ignored;
  std::filesystem::create_directories(folder, problem);
  if (!problem) return;
  for (Path part = folder; !part.empty() && part != part.root_path(); part = part.parent_path()) {
    const std::string link = dangling(part);
    if (!link.empty())
      throw WriteError(concat(name, ": cannot be made", part == folder ? "" : concat(", ", part.native()), link,
                              "; make that, or name another folder"));
    if (std::filesystem::is_directory(part, ignored)) break;
    if (std::filesystem::exists(part, ignored))
      throw WriteError(concat(name, ": cannot be made, because ", part == folder ? "it" : part.native(),
                              " is there and is a file, not a folder; name another folder"));
  }
  throw WriteError(concat(name, ": cannot be made (", problem.message(),
                          "); check the permissions and the room of the folder above, or name another"));
}

/// Replaces a file by bytes, whole or not at all; see OutputFile for the contract and the errors.
inline void write_file(const Path& path, std::string_view bytes) {
  OutputFile file(path);
  file.write(bytes);
  file.commit();
}

}}}  // namespace neutra::NEUTRA_ABI::io
