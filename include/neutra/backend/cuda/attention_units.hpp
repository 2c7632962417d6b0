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
    for (int t = thread(); t < count * depth; t += attention_threads)
      to[t / depth * along_stride + t % depth] = at(x, t / depth, first_col + t % depth);
  }
  template <int Cols, class Chunk>
  NEUTRA_DEVICE static void load_across(const Part& x, int from, int first_col, Chunk to) {
    for (int t = thread(); t < across * Cols; t += attention_threads)
      to[t] = at(x, from + t / Cols, first_col + t % Cols);
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
  NEUTRA_DEVICE static S at(const Part& x, int row, int col) {
    if (row >= x.rows || col >= x.width) return S(0);
    return static_cast<const S*>(x.of.data)[(x.first + row) * x.of.stride + col];
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
    constexpr int words = depth / 2;
    NEUTRA_UNROLL
    for (int t = thread(); t < count * words; t += attention_threads)
      to[t / words * along_stride + t % words] = pair(x, t / words, first_col + t % words * 2);
  }
  template <int Cols, class Chunk>
  NEUTRA_DEVICE static void load_across(const Part& x, int from, int first_col, Chunk to) {
    constexpr int pairs = Cols / 2;
    for (int t = thread(); t < across / 2 * pairs; t += attention_threads) {
      const int two = t / pairs, col = t % pairs * 2;
      const Word upper = pair(x, from + 2 * two, first_col + col), lower = pair(x, from + 2 * two + 1, first_col + col);
      to[two * step_stride<Cols> + col] = (upper & 0xffffu) | lower << 16;
      to[two * step_stride<Cols> + col + 1] = upper >> 16 | (lower & 0xffff0000u);
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
  /// Elements (row, col) and (row, col + 1); col is even.
  NEUTRA_DEVICE static Word pair(const Part& x, int row, int col) {
    if (row >= x.rows || col >= x.width) return 0;
    const Index at = (x.first + row) * x.of.stride + col;
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
