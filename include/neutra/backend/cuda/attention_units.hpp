/// The two units that multiply tiles of attention: the cores' multiply-adds for float and double, and the tensor cores
/// for bf16. Everything else in attention is written once for both.
///
/// A tile of `rows` x Cols sums is spread over 128 threads: a thread has sums[i][j] of row(i) and col(j). Operands lie
/// in shared memory as words, each of the `numbers` neighbours along the axis that is summed over: a (row, word), and b
/// either (column, word), by columns, or (word, column), by steps.
///   columns<Cols>                       sums of a row per thread
///   of_row(x, combine)                  of all threads that share a row
///   put(sums, to)                       a tile of cols columns as a left operand with words along its columns
///   load_along(x, ..., to)              rows of x, words along a row
///   load_across<Cols>(x, ..., to)       rows of x, words across rows
///   multiply<ByColumns>(sums, a, b, words)
#pragma once

#include "neutra/backend/cuda/row.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu {

inline constexpr int attention_threads = 128;

/// A matrix whose elements are numbers of S or bf16. The host says which, and whether pairs from an even column on are
/// aligned words.
struct Numbers {
  const void* data = nullptr;
  Index stride = 0;
  bool halved = false, paired = false;
};

/// Rows first .. limit - 1 and columns .. width - 1 of a matrix; what is beyond reads as 0.
struct Part {
  Numbers of;
  Index first;
  int rows, width;
};

template <Scalar S> struct Cores {
  using Number = S;
  using Word = S;
  static constexpr bool wide = sizeof(S) == 8;
  static constexpr int numbers = 1, rows = 64, cols = wide ? 32 : 64;
  static constexpr int depth = wide ? 16 : 32, along_stride = depth + 1;  // of a chunk; odd, so that banks differ
  static constexpr int across = wide ? 16 : 32;                           // rows of a chunk by steps
  static constexpr int tile_stride = cols + 1;
  static constexpr int own_rows = 8;
  template <int Cols> static constexpr int columns = Cols / 16;
  template <int Cols> static constexpr int step_stride = Cols;

  NEUTRA_DEVICE static int row(int i) { return thread() / 16 * own_rows + i; }
  NEUTRA_DEVICE static int col(int j) { return thread() % 16 + 16 * j; }
  template <class Combine> NEUTRA_DEVICE static S of_row(S x, Combine combine) {
    for (int lanes = 8; lanes > 0; lanes /= 2) x = combine(x, shuffle_xor(x, lanes));
    return x;
  }
  template <int N, class Tile> NEUTRA_DEVICE static void put(const S (&sums)[own_rows][N], Tile to) {
    NEUTRA_UNROLL
    for (int i = 0; i < own_rows; ++i) {
      NEUTRA_UNROLL
      for (int j = 0; j < N; ++j) to[row(i) * tile_stride + col(j)] = sums[i][j];
    }
  }
  template <class Chunk> NEUTRA_DEVICE static void load_along(const Part& x, int count, int first_col, Chunk to) {
    constexpr int step = attention_threads / depth;
    const int c = thread() % depth, col = first_col + c;
    const S* at = numbers_at(x, thread() / depth, col);
    for (int r = thread() / depth; r < count; r += step, at += step * x.of.stride)
      to[r * along_stride + c] = r < x.rows && col < x.width ? *at : S(0);
  }
  template <int Cols, class Chunk>
  NEUTRA_DEVICE static void load_across(const Part& x, int from, int first_col, Chunk to) {
    constexpr int step = attention_threads / Cols;
    const int c = thread() % Cols, col = first_col + c;
    const S* at = numbers_at(x, from + thread() / Cols, col);
    for (int r = thread() / Cols; r < across; r += step, at += step * x.of.stride)
      to[r * Cols + c] = from + r < x.rows && col < x.width ? *at : S(0);
  }
  template <bool ByColumns, int N, class A, class B>
  NEUTRA_DEVICE static void multiply(S (&sums)[own_rows][N], A a, int a_stride, B b, int b_stride, int words) {
    const int top = row(0) * a_stride, left = ByColumns ? col(0) * b_stride : col(0);
    const int right = ByColumns ? 16 * b_stride : 16, down = ByColumns ? 1 : b_stride;
    for (int k = 0; k < words; ++k) {
      S own[own_rows];
      NEUTRA_UNROLL
      for (int i = 0; i < own_rows; ++i) own[i] = a[top + i * a_stride + k];
      NEUTRA_UNROLL
      for (int j = 0; j < N; ++j) {
        const S other = b[left + j * right + k * down];
        NEUTRA_UNROLL
        for (int i = 0; i < own_rows; ++i) sums[i][j] += own[i] * other;
      }
    }
  }

 private:
  NEUTRA_DEVICE static const S* numbers_at(const Part& x, int row, int col) {
    return static_cast<const S*>(x.of.data) + (x.first + row) * x.of.stride + col;
  }
};

/// mma.m16n8k16: a warp has 16 rows. Strides are such that the 32 lanes of a warp read 32 different banks.
struct TensorCores {
  using Number = float;
  using Word = std::uint32_t;
  static constexpr int numbers = 2, rows = 64, cols = 64;
  static constexpr int depth = 64, along_stride = depth / 2 + 4;
  static constexpr int across = cols;
  static constexpr int tile_stride = cols / 2 + 4;
  static constexpr int own_rows = 2;
  template <int Cols> static constexpr int columns = Cols / 4;
  template <int Cols> static constexpr int step_stride = Cols + 8;

  NEUTRA_DEVICE static int row(int i) { return thread() / warp_size * 16 + thread() % warp_size / 4 + 8 * i; }
  NEUTRA_DEVICE static int col(int j) { return j / 2 * 8 + thread() % 4 * 2 + j % 2; }
  template <class Combine> NEUTRA_DEVICE static float of_row(float x, Combine combine) {
    for (int lanes = 2; lanes > 0; lanes /= 2) x = combine(x, shuffle_xor(x, lanes));
    return x;
  }
  template <int N, class Tile> NEUTRA_DEVICE static void put(const float (&sums)[own_rows][N], Tile to) {
    NEUTRA_UNROLL
    for (int i = 0; i < own_rows; ++i) {
      NEUTRA_UNROLL
      for (int j = 0; j < N; j += 2)
        to[row(i) * tile_stride + col(j) / 2] = word(bf16(sums[i][j]), bf16(sums[i][j + 1]));
    }
  }
  template <class Chunk> NEUTRA_DEVICE static void load_along(const Part& x, int count, int first_col, Chunk to) {
    constexpr int words = depth / 2, step = attention_threads / words;
    const int w = thread() % words, col = first_col + 2 * w;
    Index at = (x.first + thread() / words) * x.of.stride + col;
    for (int r = thread() / words; r < count; r += step, at += step * x.of.stride)
      to[r * along_stride + w] = r < x.rows ? pair(x, at, col) : 0;
  }
  template <int Cols, class Chunk>
  NEUTRA_DEVICE static void load_across(const Part& x, int from, int first_col, Chunk to) {
    constexpr int pairs = Cols / 2, step = attention_threads / pairs;
    const int c = thread() % pairs * 2, col = first_col + c;
    Index at = (x.first + from + 2 * (thread() / pairs)) * x.of.stride + col;
    for (int two = thread() / pairs; two < across / 2; two += step, at += 2 * step * x.of.stride) {
      const int row = from + 2 * two;
      const Word upper = row < x.rows ? pair(x, at, col) : 0,
                 lower = row + 1 < x.rows ? pair(x, at + x.of.stride, col) : 0;
      to[two * step_stride<Cols> + c] = (upper & 0xffffu) | lower << 16;
      to[two * step_stride<Cols> + c + 1] = upper >> 16 | (lower & 0xffff0000u);
    }
  }
  template <bool ByColumns, int N, class A, class B>
  NEUTRA_DEVICE static void multiply(float (&sums)[own_rows][N], A a, int a_stride, B b, int b_stride, int words) {
    const int lane = thread() % warp_size, top = row(0) * a_stride + lane % 4;
    const int left = ByColumns ? lane / 4 * b_stride + lane % 4 : lane / 4 + lane % 4 * b_stride;
    const int right = ByColumns ? 8 * b_stride : 8, down = ByColumns ? 1 : b_stride;
    for (int k = 0; k < words; k += 8) {
      const Word own[4] = {a[top + k], a[top + 8 * a_stride + k], a[top + k + 4], a[top + 8 * a_stride + k + 4]};
      NEUTRA_UNROLL
      for (int j = 0; j < N; j += 2) {
        const int at = left + j / 2 * right + k * down;
        const Word other[2] = {b[at], b[at + 4 * down]};
        float part[4] = {sums[0][j], sums[0][j + 1], sums[1][j], sums[1][j + 1]};
        mma_bf16(part, own, other);
        sums[0][j] = part[0], sums[0][j + 1] = part[1], sums[1][j] = part[2], sums[1][j + 1] = part[3];
      }
    }
  }

 private:
  struct alignas(4) Pair {
    bf16 first, second;
  };

  NEUTRA_DEVICE static Word word(bf16 first, bf16 second) { return first.bits | Word{second.bits} << 16; }
  /// Elements `at` and at + 1, in columns col, which is even, and col + 1.
  NEUTRA_DEVICE static Word pair(const Part& x, Index at, int col) {
    if (col >= x.width) return 0;
    const bool both = col + 1 < x.width;
    if (x.of.halved) {
      const bf16* from = static_cast<const bf16*>(x.of.data) + at;
      if (x.of.paired && both) {
        const Pair two = *reinterpret_cast<const Pair*>(from);
        return word(two.first, two.second);
      }
      return word(from[0], both ? from[1] : bf16());
    }
    const float* from = static_cast<const float*>(x.of.data) + at;
    return word(bf16(from[0]), bf16(both ? from[1] : 0.0f));
  }
};

}}}  // namespace neutra::NEUTRA_ABI::gpu
