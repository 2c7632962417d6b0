/// Whole files, read under a limit. Writing them: io/output_file.hpp.
#pragma once

#include "neutra/core/dangling.hpp"
#include "neutra/core/error.hpp"
#include "neutra/core/file_format.hpp"
#include "neutra/core/scalar.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

using Path = std::filesystem::path;

namespace detail {

inline std::string reason(int error) { return std::generic_category().message(error); }

/// The error number of a system call that has just ended, 0 if all is well. Taken in a statement of its own, because
/// whatever runs between the call and the message, and the message's own parts, may set another:   const int error =
/// error_of(::fsync(file) == 0);
inline int error_of(bool good) { return good ? 0 : errno; }

/// An open file descriptor, closed at the end.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Descriptor() { close(); }

  explicit operator bool() const { return value_ >= 0; }
  int get() const { return value_; }
  int close() { return value_ < 0 ? 0 : ::close(std::exchange(value_, -1)); }

 private:
  int value_ = -1;
};

}  // namespace detail

/// A regular file opened for reading at any position; its size is that of the moment of opening.
/// Error: missing, a directory or other thing that is no file, unreadable.
class InputFile {
 public:
  explicit InputFile(Path path) : path_(std::move(path)) {
    // Without O_NONBLOCK opening a pipe that nobody writes to would wait for ever.
    file_ = detail::Descriptor(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    int error = detail::error_of(bool(file_));
    if (error != 0)
      fail(name(), ": cannot be opened: ", detail::reason(error), dangling(path_),
           "; check the path and its permissions");
    struct stat status {};
    error = detail::error_of(::fstat(file_.get(), &status) == 0);
    require(error == 0, name(), ": cannot be examined: ", detail::reason(error));
    require(!S_ISDIR(status.st_mode), name(), ": must be a file, got a directory; name a file in it");
    require(S_ISREG(status.st_mode), name(),
            ": must be a regular file, got a pipe, socket or device; copy its content to a file first");
    size_ = static_cast<std::uint64_t>(status.st_size);
  }

  std::string name() const { return path_.string(); }
  const Path& path() const { return path_; }
  std::uint64_t size() const { return size_; }

  /// Up to `count` bytes from `offset` on; fewer only at the end of the file.      Error: the device fails.
  std::size_t read_some(std::uint64_t offset, void* into, std::size_t count) const {
    std::size_t done = 0;
    while (done < count) {
      const std::size_t step =
          std::min<std::size_t>(count - done, std::size_t{1} << 30);  // some systems refuse more at once
      const auto got = ::pread(file_.get(), static_cast<char*>(into) + done, step, static_cast<off_t>(offset + done));
      const int error = detail::error_of(got >= 0);
      if (error == EINTR) continue;
      require(error == 0, name(), ": cannot be read at byte ", offset + done, ": ", detail::reason(error),
              "; check the disk, or copy the file again");
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  /// Exactly `count` bytes from `offset` on.      Error: the file was shortened since it was opened.
  void read(std::uint64_t offset, void* into, std::size_t count) const {
    const std::size_t got = read_some(offset, into, count);
    require(got == count, name(), ": ", count, " bytes from byte ", offset, " on must be there, got ", got,
            "; the file was shortened while it was being read");
  }

 private:
  Path path_;
  detail::Descriptor file_;
  std::uint64_t size_ = 0;
};

/// What a file of the wrong format is; null where its first bytes tell nothing, or nothing else than what is wanted.
inline const FileFormat* other_format(const InputFile& file, FileKind wanted) {
  char head[format_head];
  return neutra::other_format({head, file.read_some(0, head, sizeof head)}, wanted);
}

/// The bytes of a file of at most max_bytes.      Error: see InputFile; larger than max_bytes (found before memory is
/// taken).
inline std::string read_file(const Path& path, std::uint64_t max_bytes) {
  const InputFile file(path);
  require(file.size() <= max_bytes, file.name(), ": must have at most ", max_bytes, " bytes, got ", file.size(),
          "; is this the right file?");
  std::string bytes(static_cast<std::size_t>(file.size()), '\0');
  bytes.resize(file.read_some(0, bytes.data(), bytes.size()));
  return bytes;
}

}}}  // namespace neutra::NEUTRA_ABI::io
