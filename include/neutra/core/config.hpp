/// What every header needs first: the version, the inline namespace, and the markers for host/device code.
///
/// All of neutra lives in an inline namespace that names the backend and the instruction set it was compiled for,
/// so that two files built with different flags and linked together never share an inline function.
#pragma once

#include <cassert>

#define NEUTRA_VERSION "0.1.0"

#if defined(NEUTRA_CUDA)
#define NEUTRA_ABI cuda
#elif defined(__AVX512F__)
#define NEUTRA_ABI cpu_avx512
#elif defined(__AVX2__)
#define NEUTRA_ABI cpu_avx2
#else
#define NEUTRA_ABI cpu_base
#endif

/// Marks a function that also runs on the device, so that one text serves scalar, SIMD batch and CUDA thread.
#if defined(__CUDACC__)
#define NEUTRA_HD __host__ __device__
#else
#define NEUTRA_HD
#endif

/// Checks inside inner loops; off in release builds. Everything a user can get wrong is checked by neutra::require instead.
#ifndef NEUTRA_ASSERT
#define NEUTRA_ASSERT(condition) assert(condition)
#endif
