/// What the host asks of a device: memory, copies, launches, products and scans. Under nvcc it is CUDA's runtime,
/// cuBLASLt and CUB (runtime.hpp, cublas.hpp). Elsewhere the emulated device defines the same functions, before this
/// header is included.
///
///   allocate(bytes), release(memory, bytes)   zeroed device memory
///   copy(from, to, bytes)                     within the device
///   upload(from, to, bytes), download(from, to, bytes)   from and to host memory; a download waits for the device
///   pinned(bytes)                             memory of the host that is never released
///   upload_pinned(from, to, bytes)            from such memory, which the device reads when its turn comes
///   mark(Mark&), wait(Mark)                   a point of the work; waits until the device has passed it
///   synchronise()                             waits for the device. Error: a kernel that failed, by its name
///   launch(Grid, kernel)                      runs a kernel after all that was asked before
///   matmul(MatmulTask)                        a product of matrices
///   scan_bytes(count)                         the memory that a scan of so many works in
///   scan(from, to, count, memory)             to[n] = sum of from[0 .. n], int32
/// Everything runs in the order in which it was asked for.
#pragma once

#include "neutra/backend/cuda/tasks.hpp"

#if defined(__CUDACC__)
#include "neutra/backend/cuda/cublas.hpp"
#include "neutra/backend/cuda/runtime.hpp"
#elif !defined(NEUTRA_EMULATED_DEVICE)
#error "neutra: compile the CUDA backend by nvcc, or include the emulated device before it (docs/cuda.md)"
#endif
