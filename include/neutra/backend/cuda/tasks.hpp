/// What a device is asked to do: how many threads run a kernel, and which matrices are multiplied.
#pragma once

#include "neutra/core/dtype.hpp"

#include <cstddef>

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu {

/// The bytes that a kernel may have: 4 KiB, or 32764 bytes on every device and driver that CUDA 13 supports (CUDA C++
/// Programming Guide, "__global__ Function Parameters").
#if defined(__CUDACC_VER_MAJOR__) && __CUDACC_VER_MAJOR__ >= 13
inline constexpr std::size_t most_kernel_bytes = 32764;
#else
inline constexpr std::size_t most_kernel_bytes = 4096;
#endif

/// A launch of blocks * threads threads; 0 blocks: none.
struct Grid {
  Index blocks;
  int threads;
};

/// A matrix in device memory, row-major as it is stored: (rows, cols), or (cols, rows) if it is used transposed.
struct MatrixAt {
  const void* data = nullptr;
  Index stride = 0;
  bool transposed = false;
};

/// c = a b, or c += a b if `adds`; then + addend, or + a bias for each row.
/// a: (M,K)  b: (K,N)  c: (M,N), all sizes at least 1.
/// `numbers`: the type of a and b; `result`: that of c, addend and bias: the type of a and b, or float for bf16.
/// Sums are of float, or of double for double. Not both `adds` and an addend.
struct MatmulTask {
  DType numbers, result;
  Index rows, cols, depth;
  MatrixAt a, b;
  void* c;
  Index c_stride;
  bool adds = false;
  const void* addend = nullptr;  // (M,N)
  Index addend_stride = 0;
  const void* bias = nullptr;  // (N)
};

}}}  // namespace neutra::NEUTRA_ABI::gpu
