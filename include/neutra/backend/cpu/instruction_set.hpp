/// The instruction set that this program was compiled for, as text for results and checkpoints. Equal bits are promised
/// for one binary on one instruction set.
#pragma once

#include "neutra/core/error.hpp"

#include <xsimd/config/xsimd_config.hpp>

#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu {

#define NEUTRA_TEXT_OF_EXPANDED(name) #name
#define NEUTRA_TEXT_OF(name) NEUTRA_TEXT_OF_EXPANDED(name)
/// "avx512", "avx2_fma", ...: the name chosen in core/config.hpp.
inline std::string_view instruction_set() { return NEUTRA_TEXT_OF(NEUTRA_INSTRUCTION_SET); }
#undef NEUTRA_TEXT_OF
#undef NEUTRA_TEXT_OF_EXPANDED

/// "8.1.0"
inline std::string xsimd_version() {
  return concat(XSIMD_VERSION_MAJOR, '.', XSIMD_VERSION_MINOR, '.', XSIMD_VERSION_PATCH);
}

}}}  // namespace neutra::NEUTRA_ABI::cpu
