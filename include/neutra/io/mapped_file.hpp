/// Files as memory, read when they are used.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/file.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// The bytes of a file. It must not be truncated while it is mapped: using what is gone ends the process. A file that
/// is replaced by another (OutputFile) stays as it was.      Error: as InputFile.
class MappedFile {
 public:
  explicit MappedFile(const Path& path) {
    const InputFile file(path);
    const detail::Descriptor handle(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    size_ = static_cast<std::size_t>(file.size());
    if (size_ == 0) return;
    void* const memory = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, handle.get(), 0);
    const int error = detail::error_of(memory != MAP_FAILED);
    require(error == 0, file.name(), ": cannot be mapped: ", detail::reason(error), "; check the disk");
    data_ = static_cast<const char*>(memory);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() {
    if (data_) ::munmap(const_cast<char*>(data_), size_);
  }

  std::string_view bytes() const { return {data_, size_}; }

 private:
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

}}}  // namespace neutra::NEUTRA_ABI::io
