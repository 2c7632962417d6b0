/// Reading whole files up to a size limit. For writing see io/output_file.hpp.
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

/// The error number of the system call just made, 0 on success. Store it in a variable of its own: anything evaluated
/// between the call and the message, even the parts of the message, may overwrite errno.
///     const int error = error_of(::fsync(file) == 0);
inline int error_of(bool good) { return good ? 0 : errno; }

/// An open file descriptor, closed by the destructor.
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

/// A regular file, opened for reading at any offset. Its size is read once, on opening.
/// Error: missing, unreadable, or not a regular file.
class InputFile {
 public:
  explicit InputFile(Path path) : path_(std::move(path)) {
    // Without O_NONBLOCK, opening a pipe that has no writer blocks forever.
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
  int descriptor() const { return file_.get(); }

  /// Error: the file was truncated after it was opened.
  void check_size() const {
    struct stat status {};
    const int error = detail::error_of(::fstat(file_.get(), &status) == 0);
    require(error == 0, name(), ": cannot be examined: ", detail::reason(error));
    require(static_cast<std::uint64_t>(status.st_size) >= size_, name(), ": must have ", size_, " bytes, got ",
            status.st_size, "; the file was truncated while it was being read");
  }

  /// Up to `count` bytes from `offset`; fewer only at the end of the file.      Error: the device fails.
  std::size_t read_some(std::uint64_t offset, void* into, std::size_t count) const {
    std::size_t done = 0;
    while (done < count) {
      // Some systems refuse larger reads.
      const std::size_t step = std::min<std::size_t>(count - done, std::size_t{1} << 30);
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

  /// Exactly `count` bytes from `offset`.      Error: the file was truncated after it was opened.
  void read(std::uint64_t offset, void* into, std::size_t count) const {
    const std::size_t got = read_some(offset, into, count);
    require(got == count, name(), ": ", count, " bytes from byte ", offset, " on must be there, got ", got,
            "; the file was truncated while it was being read");
  }

 private:
  Path path_;
  detail::Descriptor file_;
  std::uint64_t size_ = 0;
};

/// The format of a file that has the wrong one; null if its first bytes show no format, or the wanted one.
inline const FileFormat* other_format(const InputFile& file, FileKind wanted) {
  char head[format_head];
  return neutra::other_format({head, file.read_some(0, head, sizeof head)}, wanted);
}

/// The bytes of a file.      Error: as InputFile; larger than max_bytes (checked before allocating).
inline std::string read_file(const Path& path, std::uint64_t max_bytes) {
  const InputFile file(path);
  require(file.size() <= max_bytes, file.name(), ": must have at most ", max_bytes, " bytes, got ", file.size(),
          "; is this the right file?");
  std::string bytes(static_cast<std::size_t>(file.size()), '\0');
  bytes.resize(file.read_some(0, bytes.data(), bytes.size()));
  return bytes;
}

}}}  // namespace neutra::NEUTRA_ABI::io
