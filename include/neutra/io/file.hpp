/// Whole files: read under a limit, written so that a reader never sees half of one.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace neutra::inline NEUTRA_ABI::io {

using Path = std::filesystem::path;

/// What the first bytes of a file (24 are enough) say it is, for messages about a wrong file: "a GGUF file"; empty if nothing is recognised.
inline std::string_view detect(std::string_view first) {
  using namespace std::string_view_literals;
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 12> known{{
      {"PK\x03\x04"sv, "a zip archive (as torch.save writes it; convert it to safetensors)"},
      {"PK\x05\x06"sv, "an empty zip archive"},
      {"GGUF"sv, "a GGUF file (convert it to a Hugging Face folder with safetensors)"},
      {"24ka"sv, "a llama2.c file (ak42)"},  // 0x616b3432, little-endian
      {"ak42"sv, "a llama2.c file (ak42) of the other byte order"},
      {"\x89HDF\r\n\x1a\n"sv, "an HDF5 file"},
      {"\x1f\x8b"sv, "gzip-compressed (unpack it first)"},
      {"\x93NUMPY"sv, "a NumPy array file"},
      {"version https://git-lfs"sv, "a Git LFS pointer, not the file itself (run git lfs pull)"},
      {"<!DOCTYPE"sv, "a web page (the download went wrong)"},
      {"<html"sv, "a web page (the download went wrong)"},
      {"{\""sv, "JSON text"},
  }};
  for (const auto& [magic, name] : known)
    if (first.starts_with(magic)) return name;
  if (first.size() >= 2 && first[0] == '\x80' && first[1] >= 2 && first[1] <= 5) return "a Python pickle (convert it to safetensors)";
  return {};
}

/// Thrown where a file or folder cannot be written, as on a full disk.
class WriteError : public Error {
 public:
  using Error::Error;
};

namespace detail {

inline std::string reason(int error) { return std::generic_category().message(error); }

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
    require(bool(file_), name(), ": cannot be opened: ", detail::reason(errno), "; check the path and its permissions");
    struct stat status {};
    require(::fstat(file_.get(), &status) == 0, name(), ": cannot be examined: ", detail::reason(errno));
    require(!S_ISDIR(status.st_mode), name(), ": must be a file, got a directory; name a file in it");
    require(S_ISREG(status.st_mode), name(), ": must be a regular file, got a pipe, socket or device; copy its content to a file first");
    size_ = static_cast<std::uint64_t>(status.st_size);
  }

  std::string name() const { return path_.string(); }
  const Path& path() const { return path_; }
  std::uint64_t size() const { return size_; }

  /// Up to `count` bytes from `offset` on; fewer only at the end of the file.      Error: the device fails.
  std::size_t read_some(std::uint64_t offset, void* into, std::size_t count) const {
    std::size_t done = 0;
    while (done < count) {
      const std::size_t step = std::min<std::size_t>(count - done, std::size_t{1} << 30);  // some systems refuse more at once
      const auto got = ::pread(file_.get(), static_cast<char*>(into) + done, step, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      require(got >= 0, name(), ": cannot be read at byte ", offset + done, ": ", detail::reason(errno));
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

/// The bytes of a file of at most max_bytes.      Error: see InputFile; larger than max_bytes (found before memory is taken).
inline std::string read_file(const Path& path, std::uint64_t max_bytes) {
  const InputFile file(path);
  require(file.size() <= max_bytes, file.name(), ": must have at most ", max_bytes, " bytes, got ", file.size(), "; is this the right file?");
  std::string bytes(static_cast<std::size_t>(file.size()), '\0');
  bytes.resize(file.read_some(0, bytes.data(), bytes.size()));
  return bytes;
}

/// A file that comes into being whole or not at all: bytes go to a temporary beside it, and commit() flushes this and renames it over the target.
/// Without commit(), after any Error or an exception of the caller, the temporary is removed and the old file is as it was. A symbolic link is
/// followed. Error: which file, and why (disk full, file-size limit, no such folder, ...). A process at its file-size limit is killed by SIGXFSZ
/// before write can report it: programs call std::signal(SIGXFSZ, SIG_IGN) at their start.
class OutputFile {
 public:
  explicit OutputFile(const Path& path) : target_(path) {
    std::error_code error;
    if (std::filesystem::is_symlink(path, error)) target_ = std::filesystem::canonical(path, error);
    require(!error || error == std::errc::no_such_file_or_directory, path.string(), ": cannot be written: ", error.message());
    const auto kind = std::filesystem::status(target_, error).type();
    require(kind == std::filesystem::file_type::regular || kind == std::filesystem::file_type::not_found, path.string(),
            ": cannot be written: it is there and is not a regular file; choose another name");
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
      if (count < 0 && errno == EINTR) continue;
      check(count > 0, count == 0 ? ENOSPC : errno);
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  /// Puts what was written in the place of the target, on the disk and not only in the system's memory.
  void commit() {
    check(::fsync(file_.get()) == 0, errno);
    check(file_.close() == 0, errno);
    check(::rename(temporary_.c_str(), target_.c_str()) == 0, errno);
    temporary_.clear();
    const Path folder = target_.parent_path();
    const detail::Descriptor handle(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY));
    // Folders that cannot be opened or flushed (permissions, some network disks) leave the moment of the rename to the system.
    const bool lost = handle && ::fsync(handle.get()) != 0 && errno == EIO;
    require(!lost, name(), ": written, but its folder could not be flushed: ", detail::reason(EIO), "; check the disk");
  }

 private:
  void open() {
    static std::atomic<unsigned> counter{0};
    do {
      temporary_ = target_;
      temporary_ += concat(".tmp-", ::getpid(), "-", counter++);
      file_ = detail::Descriptor(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    } while (!file_ && errno == EEXIST);
    if (file_) return;
    temporary_.clear();  // not ours to remove
    check(false, errno);
  }
  void check(bool good, int error) const {
    if (!good)
      throw WriteError(concat(name(), ": cannot be written: ", detail::reason(error),
                              "; what was there before is unchanged; free space or choose another folder"));
  }

  Path target_, temporary_;
  detail::Descriptor file_;
};

/// Removes what OutputFile left beside its targets where its program was killed, in a folder and all below. Only while nobody else writes there.
inline void remove_temporaries(const Path& folder) {
  const auto left = [](const std::string& name) {
    const auto at = name.rfind(".tmp-");
    if (at == name.npos) return false;
    const std::string_view digits = std::string_view(name).substr(at + 5);
    return digits.find('-') != digits.npos && digits.find_first_not_of("0123456789-") == digits.npos;
  };
  std::error_code ignored;
  for (const auto& item : std::filesystem::recursive_directory_iterator(folder, std::filesystem::directory_options::skip_permission_denied, ignored))
    if (item.is_regular_file(ignored) && left(item.path().filename().string())) std::filesystem::remove(item.path(), ignored);
}

/// Makes a folder, and those above it, where they are not there; `name` is what the message calls it. Error: it cannot be made.
inline void make_folder(const Path& folder, std::string_view name) {
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  if (problem)
    throw WriteError(
        concat(name, ": cannot be made (", problem.message(), "); check the permissions and the room of the folder above, or name another"));
}

/// Replaces a file by bytes, whole or not at all; see OutputFile for the contract and the errors.
inline void write_file(const Path& path, std::string_view bytes) {
  OutputFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace neutra::inline NEUTRA_ABI::io
