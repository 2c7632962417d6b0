/// Atomic writing of files, and cleaning up after processes that were killed while writing.
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

/// Thrown when a file or folder cannot be written, for example because the disk is full.
class WriteError : public Error {
 public:
  using Error::Error;
};

/// A file that appears whole or not at all. Bytes go to a temporary file beside the target; commit() flushes it and
/// renames it over the target. Without commit(), or after an Error or another exception, the temporary is removed and
/// the old file stays.
///
/// A symbolic link is replaced by the new file; the file it points to stays as it was. The new file takes the mode of
/// the old one (or of the link's target), so that it has the same readers.
///
/// The temporary is NAME.neutra.tmp-PID-N, locked (flock) while it is written; see remove_temporaries.
///
/// Error: which file, and why (disk full, file-size limit, no such folder, ...). A process at its file-size limit is
/// killed by SIGXFSZ before write can fail, so programs call std::signal(SIGXFSZ, SIG_IGN) at the start.
class OutputFile {
 public:
  explicit OutputFile(const Path& path) : target_(path) {
    struct stat status {};
    const int error = detail::error_of(::lstat(path.c_str(), &status) == 0);
    check(error == ENOENT ? 0 : error);
    const bool there = error == 0, link = there && S_ISLNK(status.st_mode);
    if (there && !link && !S_ISREG(status.st_mode))
      throw WriteError(
          concat(path.string(), ": cannot be written: it exists and is not a regular file; choose another name"));
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

  /// Replaces the target by what was written, flushed to disk.
  void commit() {
    check(detail::error_of(::fsync(file_.get()) == 0));
    check(detail::error_of(::rename(temporary_.c_str(), target_.c_str()) == 0));
    temporary_.clear();
    const int closing = detail::error_of(file_.close() == 0);  // only now, because closing releases the lock
    const Path folder = target_.parent_path();
    const detail::Descriptor handle(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY));
    // If the folder cannot be opened or flushed (permissions, some network disks), the system decides when the rename
    // reaches the disk.
    const int flushing = handle ? detail::error_of(::fsync(handle.get()) == 0) : 0;
    const int lost = closing != 0 ? closing : flushing == EIO ? EIO : 0;
    if (lost != 0)
      throw WriteError(concat(name(), ": written, but ", closing != 0 ? "closing it" : "flushing its folder",
                              " failed: ", detail::reason(lost), "; check the disk"));
  }

 private:
  void open() {
    static std::atomic<unsigned> counter{0};
    int error = EEXIST;  // the name may exist: left by a killed process that had the same id
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
    if (mode_) ::fchmod(file_.get(), *mode_);  // the bits that the umask cleared; some file systems have no modes
  }
  /// Locks the temporary; false if remove_temporaries has already removed it as a left-over. On a file system without
  /// locks, remove_temporaries removes nothing.
  bool hold() const {
    while (::flock(file_.get(), LOCK_EX) != 0 && errno == EINTR) continue;
    struct stat status {};
    return ::fstat(file_.get(), &status) != 0 || status.st_nlink > 0;
  }
  void check(int error) const {
    if (error != 0)
      throw WriteError(concat(name(), ": cannot be written: ", detail::reason(error),
                              "; the previous content is unchanged; free space or choose another folder"));
  }

  Path target_, temporary_;
  std::optional<mode_t> mode_;  // of the file being replaced
  detail::Descriptor file_;
};

/// Whether a name is that of an OutputFile temporary: NAME.neutra.tmp-PID-N.
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

/// Removes the temporaries that killed processes left in a folder (not in its subfolders). The temporary of a live
/// process is locked and stays, even if the process runs on another machine that shares the disk.
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

/// Creates a folder and its missing parents. `name` is what messages call it. Error: it cannot be created, for example
/// because a file or a dangling link is in the way.
inline void make_folder(const Path& folder, std::string_view name) {
  std::error_code problem, ignored;
  std::filesystem::create_directories(folder, problem);
  if (!problem) return;
  for (Path part = folder; !part.empty() && part != part.root_path(); part = part.parent_path()) {
    const std::string link = dangling(part);
    if (!link.empty())
      throw WriteError(concat(name, ": cannot be created", part == folder ? "" : concat(", ", part.native()), link,
                              "; create the target of that link, or name another folder"));
    if (std::filesystem::is_directory(part, ignored)) break;
    if (std::filesystem::exists(part, ignored))
      throw WriteError(concat(name, ": cannot be created, because ", part == folder ? "it" : part.native(),
                              " exists and is a file, not a folder; name another folder"));
  }
  throw WriteError(concat(name, ": cannot be created (", problem.message(),
                          "); check the permissions and free space of the parent folder, or name another"));
}

/// Replaces the content of a file, whole or not at all. Contract and errors: as OutputFile.
inline void write_file(const Path& path, std::string_view bytes) {
  OutputFile file(path);
  file.write(bytes);
  file.commit();
}

}}}  // namespace neutra::NEUTRA_ABI::io
