#include "tests/allocations.hpp"

#include <features.h>
#include <atomic>
#include <cerrno>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COUNTED 1
#else
#define COUNTED 0
#endif

namespace {
std::atomic<std::size_t> count{0};
}

std::size_t allocations() { return count; }
bool allocations_counted() { return COUNTED; }

#if COUNTED
// A program's own definitions come before those of the C library, for every library it loads; glibc keeps its own under these names.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t bytes) noexcept { return ++count, __libc_malloc(bytes); }
void* calloc(std::size_t number, std::size_t bytes) noexcept { return ++count, __libc_calloc(number, bytes); }
void* realloc(void* memory, std::size_t bytes) noexcept { return ++count, __libc_realloc(memory, bytes); }
void* memalign(std::size_t align, std::size_t bytes) noexcept { return ++count, __libc_memalign(align, bytes); }
void* aligned_alloc(std::size_t align, std::size_t bytes) noexcept { return ++count, __libc_memalign(align, bytes); }
int posix_memalign(void** memory, std::size_t align, std::size_t bytes) noexcept {
  ++count;
  *memory = __libc_memalign(align, bytes);
  return *memory ? 0 : ENOMEM;
}
}
#endif
