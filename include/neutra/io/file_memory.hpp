/// Memory that lies in files, for texts that are larger than the machine's memory.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/file.hpp"
#include "neutra/io/output_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <memory_resource>
#include <string>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// Allocates each large block in a file of its own in a folder, without a name, so that nothing is left of it when the
/// process ends. The system writes to the disk what does not fit in memory. Small blocks lie on the heap.
/// Error: WriteError if the folder cannot be made or written, or lacks the space.
class FileMemory final : public std::pmr::memory_resource {
 public:
  /// What is called large: a few hundred pages, so that a file for each is worth its system calls.
  static constexpr std::size_t large = std::size_t{1} << 20;

  /// `option` opens messages.
  FileMemory(Path folder, std::string option) : folder_(std::move(folder)), option_(std::move(option)) {}

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (bytes < large) return std::pmr::new_delete_resource()->allocate(bytes, alignment);
    make_folder(folder_, concat(option_, ' ', folder_.string()));
    const detail::Descriptor file = unnamed_file();
    int error = EINTR;
    while (error == EINTR)  // reserves the space: a full disk is found here, and not by a signal
      error = ::posix_fallocate(file.get(), 0, static_cast<off_t>(bytes));
    check(error, bytes);
    void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    error = detail::error_of(memory != MAP_FAILED);
    check(error, bytes);
    return memory;
  }
  void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override {
    if (bytes < large) return std::pmr::new_delete_resource()->deallocate(memory, bytes, alignment);
    ::munmap(memory, bytes);
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  detail::Descriptor unnamed_file() const {
    std::string name = (folder_ / "text.neutra.tmp-XXXXXX").string();
    detail::Descriptor file(::mkostemp(name.data(), O_CLOEXEC));
    const int error = detail::error_of(bool(file));
    check(error, 0);
    ::unlink(name.c_str());
    return file;
  }
  void check(int error, std::size_t bytes) const {
    if (error != 0)
      throw WriteError(concat(option_, ' ', folder_.string(), ": cannot hold ",
                              bytes == 0 ? std::string("a file") : concat(bytes, " bytes"), ": ", detail::reason(error),
                              "; free space or name another folder"));
  }

  Path folder_;
  std::string option_;
};

}}}  // namespace neutra::NEUTRA_ABI::io
