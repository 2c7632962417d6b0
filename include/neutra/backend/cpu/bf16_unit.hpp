/// Which instructions multiply numbers rounded to bf16. Chosen once for a process: some processors have dot products
/// that are slower than float.
#pragma once

#include "neutra/backend/cpu/amx.hpp"
#include "neutra/backend/cpu/element.hpp"
#include "neutra/core/error.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <type_traits>

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu {

/// widened: as float, after widening; dot_product: AVX-512's pairs; tile_registers: Intel's AMX. All sum in float, but
/// in different orders, so that results differ in their last bits.
enum class Bf16Unit { widened, dot_product, tile_registers };

inline std::string_view to_string(Bf16Unit unit) {
  return unit == Bf16Unit::widened ? "widened" : unit == Bf16Unit::dot_product ? "dot_product" : "tile_registers";
}

namespace detail {

#if defined(__AVX512BF16__)
/// Seconds of a burst of E's multiply-adds, in enough chains to fill the units.
template <class E> double burst() {
  using Clock = std::chrono::steady_clock;
  constexpr int chains = 12, rounds = 1000;  // 2 us and more, beside which a slow clock is short
  const xsimd::batch<float> x(0.0f);
  xsimd::batch<float> sum[chains];
  // Between two of these the sums are computed: without them the compiler moves the multiply-adds past the clock.
  const auto settle = [&] {
#pragma GCC unroll 12
    for (auto& s : sum) asm volatile("" : "+v"(s.data));
  };
#pragma GCC unroll 12
  for (auto& s : sum) s = x;
  settle();
  const auto start = Clock::now();
  settle();
  for (int round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (auto& s : sum) E::multiply_add(s, x, x);
  }
  settle();
  return std::chrono::duration<double>(Clock::now() - start).count();
}
#endif

/// Whether AVX-512's dot product of pairs, two multiply-adds an instruction, is faster than as many of float. Bursts
/// take turns and the fastest of each counts, so that neither a clock that is still rising nor another process decides.
/// AMD's Zen 4 and 5: 1 time a float instruction; an Intel Xeon of family 6, model 207: 3.6 times.
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

/// The unit of this process: NEUTRA_BF16_UNIT (widened, dot_product or tile_registers) where that is set, so that the
/// bits of another machine can be had again; else tile registers, or the faster of the other two. Error:
/// NEUTRA_BF16_UNIT is no unit of this program.
inline Bf16Unit bf16_unit() {
  static const Bf16Unit unit = detail::choose_bf16_unit();
  return unit;
}

}}}  // namespace neutra::NEUTRA_ABI::cpu
