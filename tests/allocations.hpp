// Counts memory allocations of the whole test program: malloc and related functions, and through them operator new.
#pragma once

#include <cstddef>

/// The number of calls of malloc, calloc, realloc, aligned_alloc, posix_memalign, memalign and mmap without a file so
/// far, by any thread. 0 if they cannot be counted.
std::size_t allocations();

/// The largest request in bytes since the last forget_largest_allocation(), by any thread.
std::size_t largest_allocation();
void forget_largest_allocation();

/// Whether allocations are counted: on glibc, without a sanitizer (which replaces malloc).
bool allocations_counted();
