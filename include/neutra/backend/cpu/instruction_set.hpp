/// What the vector code of this program was compiled for, as text for results and checkpoints: equal bits are promised for one
/// binary on one instruction set.
#pragma once

#include "neutra/core/error.hpp"

#include <xsimd/config/xsimd_config.hpp>

#include <string>
#include <string_view>

namespace neutra::inline NEUTRA_ABI::cpu {

/// The widest vector instructions the compiler was allowed to use, from its own macros.
inline std::string_view instruction_set() {
#if defined(__AVX512F__)
  return "avx512";
#elif defined(__AVX2__) && defined(__FMA__)
  return "avx2+fma";
#elif defined(__AVX2__)
  return "avx2";
#elif defined(__AVX__)
  return "avx";
#elif defined(__SSE2__)
  return "sse2";
#elif defined(__ARM_FEATURE_SVE)
  return "sve";
#elif defined(__ARM_NEON)
  return "neon";
#else
  return "scalar";
#endif
}

/// "8.1.0"
inline std::string xsimd_version() { return concat(XSIMD_VERSION_MAJOR, '.', XSIMD_VERSION_MINOR, '.', XSIMD_VERSION_PATCH); }

}  // namespace neutra::inline NEUTRA_ABI::cpu
