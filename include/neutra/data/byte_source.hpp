/// Where the bytes of a text come from: a file, a pipe, or what unpacks them.
#pragma once

#include "neutra/core/dangling.hpp"
#include "neutra/core/error.hpp"
#include "neutra/core/file_format.hpp"
#include "neutra/data/text_memory.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// Bytes that are read once, from the first to the last.
class ByteSource {
 public:
  explicit ByteSource(std::string name) : name_(std::move(name)) {}
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  virtual ~ByteSource() = default;

  /// The beginning of every message: "text file a.txt".
  const std::string& name() const { return name_; }
  /// Reads up to `count` bytes; 0 only at the end.      Error: the source fails.
  virtual std::size_t read(char* into, std::size_t count) = 0;

 private:
  std::string name_;
};

/// The bytes that are read in one go: large enough for few calls, small enough for a cache.
inline constexpr std::size_t read_block = 1 << 16;

/// Whether a path stands for standard input; a file of that name is ./-.
inline bool is_standard_input(const std::filesystem::path& path) { return path == "-"; }

/// How messages name a text file.
inline std::string source_name(const std::filesystem::path& path) {
  return is_standard_input(path) ? "standard input" : "text file " + path.string();
}

/// The bytes of a file or pipe, or of standard input for "-". Errors: the path is missing, a directory, a device or
/// unreadable.
class FileBytes final : public ByteSource {
 public:
  explicit FileBytes(const std::filesystem::path& path) : ByteSource(source_name(path)) {
    if (!is_standard_input(path)) check(path);
    errno = 0;
    file_.reset(is_standard_input(path) ? stdin : std::fopen(path.c_str(), "rb"));
    require(file_ != nullptr, name(), ": cannot be opened (", std::strerror(errno), "); check its permissions");
    head_.resize(format_head);
    head_.resize(read_file(head_.data(), head_.size()));
  }

  /// The first `format_head` bytes, or all of a shorter file. `read` returns them too.
  std::string_view head() const { return head_; }

  std::size_t read(char* into, std::size_t count) override {
    if (taken_ == head_.size()) return read_file(into, count);
    const std::size_t got = head_.copy(into, count, taken_);
    taken_ += got;
    return got;
  }

 private:
  void check(const std::filesystem::path& path) const {
    std::error_code problem;
    const auto status = std::filesystem::status(path, problem);
    if (status.type() == std::filesystem::file_type::not_found) {
      const std::string link = dangling(path);
      fail(name(),
           link.empty() ? ": there is no such file; check the path" : link + "; name the file itself, or fix the link");
    }
    require(!problem, name(), ": cannot be examined (", problem.message(), "); check the path and its permissions");
    require(status.type() != std::filesystem::file_type::directory, name(), ": is a directory; name the files in it");
    require(std::filesystem::is_regular_file(status) || std::filesystem::is_fifo(status), name(),
            ": is a device or socket; name a file or a pipe");
  }
  std::size_t read_file(char* into, std::size_t count) {
    const std::size_t got = std::fread(into, 1, count, file_.get());
    require(!std::ferror(file_.get()), name(), ": reading stopped after ", done_ + got, " bytes; check the disk");
    done_ += got;
    return got;
  }

  struct Close {
    void operator()(std::FILE* file) const {
      if (file != stdin) std::fclose(file);
    }
  };
  std::unique_ptr<std::FILE, Close> file_;
  std::string head_;
  std::size_t taken_ = 0;  // of head_
  std::uint64_t done_ = 0;
};

/// All remaining bytes, in this memory.      Error: more than `most`.
inline TextBytes read_all(ByteSource& source, std::uint64_t most, TextMemory memory = {}) {
  TextBytes bytes{TextAllocator<char>(std::move(memory))};
  char block[read_block];
  while (const std::size_t got = source.read(block, sizeof block)) {
    require(bytes.size() + got <= most, source.name(), ": must hold at most ", most,
            " bytes of text, got more; give a part of it");
    bytes.append(block, got);
  }
  return bytes;
}

}}}  // namespace neutra::NEUTRA_ABI::data
