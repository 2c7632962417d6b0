/// The words that device code is written in.
///
/// A kernel is a trivially copyable struct of at most `most_kernel_bytes`, with
///   operator()() const     what each thread does, marked NEUTRA_DEVICE
///   name                   for errors
///   most_threads           of a block
///   least_blocks           that a processor is to hold at a time, which limits the registers of a thread
/// It is launched through gpu::launch (driver.hpp). Threads and blocks are counted in one dimension. Under nvcc the
/// functions below are the intrinsics. Elsewhere an emulator defines them, whose header is included first: it runs the
/// same kernels on the CPU, and defines NEUTRA_EMULATED_DEVICE.
///
/// thread(), threads(), block(), blocks(): int, the thread of the block, the block of the grid, and how many there are.
///
/// barrier(): all threads of the block meet. warp_barrier(mask): the lanes of a warp in `mask` meet.
///
/// shuffle(x, lane, mask), shuffle_xor(x, lanes, mask), shuffle_up(x, distance, mask): x of another lane of the warp;
/// shuffle_up gives x itself below `distance`.
///
/// ballot(predicate, mask): the lanes where it holds, as bits.
///
/// mma_bf16(sums, a, b): float sums[4] += words a[4] times words b[2] of two bf16 each, of a warp that is complete:
/// m16n8k16 (PTX ISA, "mma.m16n8k16" for .bf16).
///
/// NEUTRA_SHARED(type, name, count) declares `name`, an array of the block. Its contents are undefined. It is indexed,
/// and passed on by value, as a pointer is.
///
/// NEUTRA_UNROLL unrolls the loop that follows, so that arrays it indexes stay in registers.
#pragma once

#include "neutra/backend/cuda/tasks.hpp"

#include <cstdint>

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu {
inline constexpr int warp_size = 32;
inline constexpr std::uint32_t all_lanes = 0xffffffffu;
}}}  // namespace neutra::NEUTRA_ABI::gpu

#if defined(__CUDACC__)

#define NEUTRA_DEVICE __device__
#define NEUTRA_SHARED(type, name, count) __shared__ type name[count]
#define NEUTRA_UNROLL _Pragma("unroll")

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu {

NEUTRA_DEVICE inline int thread() { return static_cast<int>(threadIdx.x); }
NEUTRA_DEVICE inline int threads() { return static_cast<int>(blockDim.x); }
NEUTRA_DEVICE inline int block() { return static_cast<int>(blockIdx.x); }
NEUTRA_DEVICE inline int blocks() { return static_cast<int>(gridDim.x); }
NEUTRA_DEVICE inline void barrier() { __syncthreads(); }
NEUTRA_DEVICE inline void warp_barrier(std::uint32_t mask = all_lanes) { __syncwarp(mask); }
template <class T> NEUTRA_DEVICE T shuffle(T x, int lane, std::uint32_t mask = all_lanes) {
  return __shfl_sync(mask, x, lane);
}
template <class T> NEUTRA_DEVICE T shuffle_xor(T x, int lanes, std::uint32_t mask = all_lanes) {
  return __shfl_xor_sync(mask, x, lanes);
}
template <class T> NEUTRA_DEVICE T shuffle_up(T x, int distance, std::uint32_t mask = all_lanes) {
  return __shfl_up_sync(mask, x, static_cast<unsigned>(distance));
}
NEUTRA_DEVICE inline std::uint32_t ballot(bool predicate, std::uint32_t mask = all_lanes) {
  return __ballot_sync(mask, predicate);
}
NEUTRA_DEVICE inline void mma_bf16(float (&sums)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

}}}  // namespace neutra::NEUTRA_ABI::gpu

#elif defined(NEUTRA_EMULATED_DEVICE)

#define NEUTRA_DEVICE
#define NEUTRA_UNROLL

#else
#error "neutra: compile the CUDA backend by nvcc, or include the emulated device before it (docs/cuda.md)"
#endif
