/// What every header needs first: the version, the inline namespace, and the markers for host/device code.
///
/// All of neutra lives in an inline namespace that names the backend and the instruction set it was compiled for,
/// so that two files built with different flags and linked together never share an inline function.
#pragma once

#include <cassert>

#define NEUTRA_VERSION "0.1.0"

/// The vector instruction set, read from the compiler's macros: it decides the tile sizes and the code of inline
/// functions. AMX multiplies bf16 where the compiler may use it (backend/cpu/amx.hpp), unless NEUTRA_NO_AMX is defined.
#if defined(__AVX512BF16__) && defined(__AMX_BF16__) && defined(__AMX_TILE__) && defined(__linux__) && \
    !defined(NEUTRA_NO_AMX)
#define NEUTRA_AMX 1
#define NEUTRA_INSTRUCTION_SET avx512_amx
#elif defined(__AVX512BF16__)
#define NEUTRA_INSTRUCTION_SET avx512_bf16
#elif defined(__AVX512F__)
#define NEUTRA_INSTRUCTION_SET avx512
#elif defined(__AVX2__) && defined(__FMA__)
#define NEUTRA_INSTRUCTION_SET avx2_fma
#elif defined(__AVX2__)
#define NEUTRA_INSTRUCTION_SET avx2
#elif defined(__AVX__) && defined(__FMA__)
#define NEUTRA_INSTRUCTION_SET avx_fma
#elif defined(__AVX__)
#define NEUTRA_INSTRUCTION_SET avx
#elif defined(__SSE4_1__)
#define NEUTRA_INSTRUCTION_SET sse4
#elif defined(__SSE2__)
#define NEUTRA_INSTRUCTION_SET sse2
#elif defined(__ARM_FEATURE_SVE)
#define NEUTRA_INSTRUCTION_SET sve
#elif defined(__ARM_NEON)
#define NEUTRA_INSTRUCTION_SET neon
#else
#define NEUTRA_INSTRUCTION_SET scalar
#endif

// Two steps, so that NEUTRA_INSTRUCTION_SET is expanded before the names are joined.
#define NEUTRA_JOIN_EXPANDED(first, second) first##second
#define NEUTRA_JOIN(first, second) NEUTRA_JOIN_EXPANDED(first, second)
#if defined(NEUTRA_CUDA)
#define NEUTRA_ABI NEUTRA_JOIN(cuda_, NEUTRA_INSTRUCTION_SET)
#else
#define NEUTRA_ABI NEUTRA_JOIN(cpu_, NEUTRA_INSTRUCTION_SET)
#endif

/// Marks a function that also compiles for the GPU: the same source serves scalar, SIMD batch and CUDA thread.
#if defined(__CUDACC__)
#define NEUTRA_HD __host__ __device__
#else
#define NEUTRA_HD
#endif

/// Marks a function that the library neutra::compiled_train defines for programs that link it; inline for all others.
#if defined(NEUTRA_COMPILED_PROGRAMS)
#define NEUTRA_ONCE
#else
#define NEUTRA_ONCE inline
#endif

/// A check inside an inner loop, off in release builds. User errors are caught by neutra::require instead.
#ifndef NEUTRA_ASSERT
#define NEUTRA_ASSERT(condition) assert(condition)
#endif
