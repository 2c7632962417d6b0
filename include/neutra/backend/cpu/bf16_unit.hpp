/// Which instructions multiply bf16. Chosen once per process, because on some processors the bf16 dot-product
/// instruction is slower than float multiply-adds.
#pragma once

#include "neutra/backend/cpu/amx.hpp"
#include "neutra/backend/cpu/element.hpp"
#include "neutra/core/dtype.hpp"
#include "neutra/core/error.hpp"

#include <omp.h>
#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu {

/// widened: converted to float first; dot_product: AVX-512 BF16; tile_registers: Intel AMX. All accumulate in float,
/// but in different orders, so that results differ in their last bits.
enum class Bf16Unit { widened, dot_product, tile_registers };

inline std::string_view to_string(Bf16Unit unit) {
  return unit == Bf16Unit::widened ? "widened" : unit == Bf16Unit::dot_product ? "dot_product" : "tile_registers";
}

namespace detail {

#if defined(__AVX512BF16__)
/// Seconds for a burst of E's multiply-adds, in enough independent chains to fill the execution units.
template <class E> double burst() {
  constexpr int chains = 12, rounds = 1000;  // at least 2 us, long enough for a clock of coarse resolution
  const xsimd::batch<float> x(0.0f);
  xsimd::batch<float> sum[chains];
  // Forces the sums to be computed here; otherwise the compiler moves multiply-adds past the clock reading.
  const auto settle = [&] {
#pragma GCC unroll 12
    for (auto& s : sum) asm volatile("" : "+v"(s.data));
  };
#pragma GCC unroll 12
  for (auto& s : sum) s = x;
  settle();
  const double start = omp_get_wtime();
  settle();
  for (int round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (auto& s : sum) E::multiply_add(s, x, x);
  }
  settle();
  return omp_get_wtime() - start;
}
#endif

/// Whether the AVX-512 dot product (two multiply-adds per instruction) beats the same number of float multiply-adds.
/// Bursts alternate and the fastest of each counts,
/// so that neither a rising clock frequency nor another process decides.
/// Cost of one dot product in float instructions: 1 on AMD Zen 4 and 5, 3.6 on an Intel Xeon of family 6, model 207.
inline bool dot_product_pays() {
#if defined(__AVX512BF16__)
  double dot = 1, multiply = 1;
  for (int turn = 0; turn < 10; ++turn) {
    multiply = std::min(multiply, burst<Exact<float>>());
    dot = std::min(dot, burst<Bf16>());
  }
  return dot < 1.6 * multiply;
#else
  return false;
#endif
}

inline Bf16Unit choose_bf16_unit() {
  if (const char* asked = std::getenv("NEUTRA_BF16_UNIT"); asked && *asked) {
    const std::string_view name = asked;
    require(name == "widened" || name == "dot_product" || name == "tile_registers",
            "NEUTRA_BF16_UNIT must be widened, dot_product or tile_registers, got ", name,
            "; leave it out to have the fastest one");
    if (name == "widened") return Bf16Unit::widened;
    if (name == "tile_registers") {
      require(
          has_tile_registers(),
          "NEUTRA_BF16_UNIT: tile_registers need a program compiled for AMX, and a machine that has it; leave it out");
      return Bf16Unit::tile_registers;
    }
    require(!std::is_same_v<Bf16, WidenedBf16>,
            "NEUTRA_BF16_UNIT: dot_product needs a program compiled for AVX-512 with bf16 (-march=native on such a ",
            "machine); leave it out, or compile for it");
    return Bf16Unit::dot_product;
  }
  if (has_tile_registers()) return Bf16Unit::tile_registers;
  return dot_product_pays() ? Bf16Unit::dot_product : Bf16Unit::widened;
}

}  // namespace detail

/// The unit of this process. The environment variable NEUTRA_BF16_UNIT (widened, dot_product or tile_registers) selects
/// it, to reproduce the bits of another machine; otherwise it is AMX, or the faster of the other two.
/// Error: the variable names no unit of this program.
inline Bf16Unit bf16_unit() {
  static const Bf16Unit unit = detail::choose_bf16_unit();
  return unit;
}

/// The unit of this process that multiplies numbers rounded to `precision`, {"bf16_unit", "widened"}; empty if there is
/// only one.
/// Error: see bf16_unit.
inline std::map<std::string, std::string> matmul_units(DType precision) {
  if (precision != DType::bf16) return {};
  return {{"bf16_unit", std::string(to_string(bf16_unit()))}};
}

}}}  // namespace neutra::NEUTRA_ABI::cpu
