/// bf16 matmul in Intel AMX tile registers: 16 x 16 sums over 32 elements per instruction.
/// Intel SDM, TDPBF16PS
#pragma once

#include "neutra/backend/cpu/tile.hpp"

#if defined(NEUTRA_AMX)
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include <immintrin.h>
#endif

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu { namespace detail {

/// Extra registers that products of E need. They are held while a block is multiplied; only code of this library runs
/// on the thread in that time.
template <class E> struct MatrixRegisters {};

#if !defined(NEUTRA_AMX)
inline bool has_tile_registers() { return false; }
#else

/// Whether the kernel grants this process tile registers. Asked once;
/// their large state is saved only for processes that ask.
inline bool has_tile_registers() {
  constexpr long request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  static const bool granted = syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
  return granted;
}

/// The use of the tile registers: sums in 0 and 1, `rows` rows of a in 2, two panels of b in 3 and 4. The remainder of
/// a sum, `rest` words, uses 5, 6 and 7.
template <> struct MatrixRegisters<Bf16> {
  MatrixRegisters() = default;
  MatrixRegisters(const MatrixRegisters&) = delete;
  MatrixRegisters& operator=(const MatrixRegisters&) = delete;
  ~MatrixRegisters() {
    if (configured()) _tile_release();
    configured() = 0;
  }

  static void configure(int rows, int rest) {
    if (configured() == 16 * rows + rest) return;
    configured() = 16 * rows + rest;
    struct alignas(64) Configuration {
      std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
      std::uint16_t row_bytes[16] = {};
      std::uint8_t rows[16] = {};
    } all;
    const auto set = [&](int tile, int count, int words) {
      all.rows[tile] = static_cast<std::uint8_t>(count);
      all.row_bytes[tile] = static_cast<std::uint16_t>(4 * words);
    };
    for (const int tile : {0, 1, 2}) set(tile, rows, 16);
    for (const int tile : {3, 4}) set(tile, 16, 16);
    if (rest > 0) {
      set(5, rows, rest);
      set(6, rest, 16);
      set(7, rest, 16);
    }
    asm volatile("" ::: "memory");  // g++'s intrinsics do not declare which memory they read
    _tile_loadconfig(&all);
  }

 private:
  /// The configuration of this thread, as 16 rows + rest; 0 if there is none.
  static int& configured() {
    thread_local int now = 0;
    return now;
  }
};

/// The sums of R rows by V vectors over one block of k. Needs a_step = 1: the words of a row of a are contiguous.
template <int R, int V> void sum_in_tiles(const TileTask<float>& t, xsimd::batch<float> (&sum)[R][V]) {
  constexpr Index step = 16;
  static_assert(Tile<float>::width == 2 * step && R <= step);
  MatrixRegisters<Bf16>::configure(R, static_cast<int>(t.depth % step));
  const std::size_t a_bytes = static_cast<std::size_t>(t.a_row) * sizeof(float),
                    b_bytes = Tile<float>::width * sizeof(float);
  const float *a = t.a, *b = t.b;
  asm volatile("" ::: "memory");  // as above
  _tile_zero(0);  // tile numbers, here and below, are immediate operands: neither a loop nor a function can pass them
  if constexpr (V == 2) _tile_zero(1);
  Index k = 0;
  for (; k + step <= t.depth; k += step, a += step, b += step * Tile<float>::width) {
    _tile_loadd(2, a, a_bytes);
    _tile_loadd(3, b, b_bytes);
    _tile_dpbf16ps(0, 2, 3);
    if constexpr (V == 2) {
      _tile_loadd(4, b + step, b_bytes);
      _tile_dpbf16ps(1, 2, 4);
    }
  }
  if (k < t.depth) {
    _tile_loadd(5, a, a_bytes);
    _tile_loadd(6, b, b_bytes);
    _tile_dpbf16ps(0, 5, 6);
    if constexpr (V == 2) {
      _tile_loadd(7, b + step, b_bytes);
      _tile_dpbf16ps(1, 5, 7);
    }
  }
  alignas(64) float sums[R][V * step];
  _tile_stored(0, sums[0], sizeof sums[0]);
  if constexpr (V == 2) _tile_stored(1, sums[0] + step, sizeof sums[0]);
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) sum[r][v] = xsimd::batch<float>::load_aligned(sums[r] + v * step);
}

#endif

}}}}  // namespace neutra::NEUTRA_ABI::cpu::detail
