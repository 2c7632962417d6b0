// A device that is never run: its loops launch every functor, so that nvcc compiles the device code of each. Memory and
// other operations are those of the recording backend.
#pragma once

#include "neutra/backend/record/record.hpp"

#include <limits>

namespace cuda {

/// One element of a row per thread, with the interface of lanes in cpu/simd.hpp.
template <neutra::Scalar S> struct Lanes {
  neutra::Index i = 0, count = 1;

  template <class T> __device__ S load(const T* row) const { return static_cast<S>(static_cast<float>(row[i])); }
  __device__ S load(const S* row) const { return row[i]; }
  template <class T> __device__ void store(T* row, S value) const { row[i] = T(static_cast<float>(value)); }
  __device__ void store(S* row, S value) const { row[i] = value; }
  template <class T> __device__ void fill(T* row, S value) const { store(row, value); }
  template <class T> __device__ void write(const neutra::Into<T>& into, neutra::Index n, S value) const {
    T* row = into.view.row(n);
    store(row, into.add ? load(row) + value : value);
  }
};

/// One row per block of threads, with the interface of cpu/rows.hpp.
template <neutra::Scalar S> struct Row {
  template <class F> __device__ void each(neutra::Index n, F f) const {
    for (neutra::Index i = threadIdx.x; i < n; i += blockDim.x) f(Lanes<S>{i, 1});
  }
  template <class F> __device__ void once(F f) const {
    __syncthreads();
    if (threadIdx.x == 0) f();
    __syncthreads();
  }
  template <class F> __device__ S sum(neutra::Index n, F f) const {
    return combined(n, f, S(0), [](S a, S b) { return a + b; });
  }
  template <class F> __device__ S max(neutra::Index n, F f) const {
    return combined(n, f, -std::numeric_limits<S>::infinity(), [](S a, S b) { return a < b ? b : a; });
  }

 private:
  template <class F, class G> __device__ S combined(neutra::Index n, F f, S neutral, G combine) const {
    __shared__ S parts[1024];
    S own = neutral;
    for (neutra::Index i = threadIdx.x; i < n; i += blockDim.x) own = combine(own, f(Lanes<S>{i, 1}));
    parts[threadIdx.x] = own;
    __syncthreads();
    for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
      if (threadIdx.x < half) parts[threadIdx.x] = combine(parts[threadIdx.x], parts[threadIdx.x + half]);
      __syncthreads();
    }
    return parts[0];
  }
};

template <neutra::Scalar S, class F> __global__ void run_rows(F f) { f(Row<S>{}, neutra::Index{blockIdx.x}); }

template <neutra::Scalar S, class F>
__global__ void run_column_sums(F f, neutra::Index count, neutra::Index cols, neutra::Into<S> into) {
  for (neutra::Index c = threadIdx.x; c < cols; c += blockDim.x) {
    S total = 0;
    for (neutra::Index n = 0; n < count; ++n) total += f(n, Lanes<S>{c, 1});
    Lanes<S>{c, 1}.write(into, 0, total);
  }
}

/// One long row for all threads of a grid.
template <neutra::Scalar S> struct LongRow {
  template <class F> __device__ void each(neutra::Index n, F f) const {
    const neutra::Index step = neutra::Index{gridDim.x} * blockDim.x;
    for (neutra::Index i = neutra::Index{blockIdx.x} * blockDim.x + threadIdx.x; i < n; i += step) f(Lanes<S>{i, 1});
  }
};
template <neutra::Scalar S, class F> __global__ void run_elements(F f) { f(LongRow<S>{}, 0); }

struct Device : neutra::Recorder {
  template <neutra::Scalar S, class F> static void elements(neutra::Index count, neutra::Index, const F& f) {
    run_elements<S, F><<<static_cast<unsigned>((count + 127) / 128), 128>>>(f);
  }
  template <neutra::Scalar S, class F> static void rows(neutra::Index count, neutra::Index, const F& f) {
    run_rows<S, F><<<static_cast<unsigned>(count), 128>>>(f);
  }
  template <neutra::Scalar S, class F>
  static void column_sums(neutra::Index count, neutra::Index cols, const F& f, neutra::Into<S> into) {
    run_column_sums<S, F><<<1, 128>>>(f, count, cols, into);
  }
};

}  // namespace cuda
