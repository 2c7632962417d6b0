#include "tests/allocations.hpp"

#include <features.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COUNTED 1
#else
#define COUNTED 0
#endif

namespace {
std::atomic<std::size_t> count{0}, largest{0};

/// Records one call; returns the number of bytes it asks for.
[[maybe_unused]] std::size_t noted(std::size_t bytes) {
  ++count;
  for (std::size_t held = largest; held < bytes && !largest.compare_exchange_weak(held, bytes);) {
  }
  return bytes;
}
}  // namespace

std::size_t allocations() { return count; }
std::size_t largest_allocation() { return largest; }
void forget_largest_allocation() { largest = 0; }
bool allocations_counted() { return COUNTED; }

#if COUNTED
// The program's definitions take precedence over those of the C library, for all libraries it loads. glibc exports its
// own under these names.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t bytes) noexcept { return __libc_malloc(noted(bytes)); }
void* calloc(std::size_t number, std::size_t bytes) noexcept {
  noted(number * bytes);
  return __libc_calloc(number, bytes);
}
void* realloc(void* memory, std::size_t bytes) noexcept { return __libc_realloc(memory, noted(bytes)); }
void* memalign(std::size_t align, std::size_t bytes) noexcept { return __libc_memalign(align, noted(bytes)); }
void* aligned_alloc(std::size_t align, std::size_t bytes) noexcept { return __libc_memalign(align, noted(bytes)); }
int posix_memalign(void** memory, std::size_t align, std::size_t bytes) noexcept {
  *memory = __libc_memalign(align, noted(bytes));
  return *memory ? 0 : ENOMEM;
}
#if defined(SYS_mmap)
void* mmap(void* at, std::size_t bytes, int protection, int flags, int file, off_t offset) noexcept {
  return reinterpret_cast<void*>(
      syscall(SYS_mmap, at, file < 0 ? noted(bytes) : bytes, protection, flags, file, offset));
}
#endif
}
#endif
