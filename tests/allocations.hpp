// How often memory was asked of the system: malloc and its kin are counted for the whole test program, and with them
// operator new.
#pragma once

#include <cstddef>

/// Calls of malloc, calloc, realloc, aligned_alloc, posix_memalign and memalign so far, by any thread. 0 where they
/// cannot be counted.
std::size_t allocations();

/// The largest number of bytes one of them asked for since the last forget_largest_allocation(), by any thread.
std::size_t largest_allocation();
void forget_largest_allocation();

/// Whether they are counted: on glibc, without a sanitizer (which brings a malloc of its own).
bool allocations_counted();
