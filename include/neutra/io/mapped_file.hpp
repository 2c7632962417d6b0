/// Files mapped into memory for reading.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/file.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// A read-only mapping of a whole file. Nothing is read before bytes() asks for it.
///
/// A program that truncates the file between bytes() and the use of its result ends this process by SIGBUS, and one
/// that writes to it changes what is read. So use the bytes at once, and drop() them; replacing the file by renaming
/// another one to its name is harmless.
class MappedFile {
 public:
  explicit MappedFile(std::shared_ptr<const InputFile> file) : file_(std::move(file)) {
    if (length() == 0) return;
    void* const memory = ::mmap(nullptr, length(), PROT_READ, MAP_PRIVATE, file_->descriptor(), 0);
    if (memory != MAP_FAILED) begin_ = static_cast<std::byte*>(memory);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() {
    if (begin_) ::munmap(begin_, length());
  }

  /// Whether the file is mapped. An empty one is not, nor are files of some network disks.
  explicit operator bool() const { return begin_ != nullptr; }

  /// `count` bytes from `offset`, in memory. The system begins to read what follows.
  /// Error: the file was truncated after it was opened; the device fails.
  const std::byte* bytes(std::uint64_t offset, std::uint64_t count) const {
    prefetch(offset, count);
    const int error = advise(offset, count, populate);
    file_->check_size();
    require(error == 0 || error == EINVAL, file_->name(), ": cannot be read at byte ", offset, ": ",
            detail::reason(error), "; check the disk, or copy the file again");
    prefetch(offset + count, std::min(count, file_->size() - (offset + count)));
    return begin_ + offset;
  }
  /// The whole file, each part of which is read when it is used.      Error: it could not be mapped.
  std::string_view view() const {
    require(begin_ || length() == 0, file_->name(),
            ": cannot be mapped; check that its disk supports it, or copy the file");
    return {reinterpret_cast<const char*>(begin_), length()};
  }
  /// Takes them out of the memory of this process; bytes() reads them again.
  void drop(std::uint64_t offset, std::uint64_t count) const noexcept { advise(offset, count, MADV_DONTNEED); }

 private:
#if defined(MADV_POPULATE_READ)
  static constexpr int populate = MADV_POPULATE_READ;  // one call for all pages; a fault for 16 of them each otherwise
#else
  static constexpr int populate = MADV_WILLNEED;
#endif

  /// Has the system read these bytes in the background.
  void prefetch(std::uint64_t offset, std::uint64_t count) const noexcept {
    constexpr std::uint64_t most = 1 << 20;  // Linux reads little more than this at one call
    for (std::uint64_t done = 0; done < count; done += most)
      advise(offset + done, std::min(most, count - done), MADV_WILLNEED);
  }
  std::size_t length() const { return static_cast<std::size_t>(file_->size()); }
  /// Advice on all pages that hold these bytes. Returns the error number: EINVAL on a system that does not know it,
  /// which reads pages when they are touched.
  int advise(std::uint64_t offset, std::uint64_t count, int advice) const noexcept {
    if (count == 0) return 0;
    static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    const std::uint64_t first = offset / page * page;
    return detail::error_of(::madvise(begin_ + first, static_cast<std::size_t>(offset + count - first), advice) == 0);
  }

  std::shared_ptr<const InputFile> file_;
  std::byte* begin_ = nullptr;
};

}}}  // namespace neutra::NEUTRA_ABI::io
