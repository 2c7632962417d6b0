// A kernel for each kind of policy function, so that its device code is compiled and not only parsed.
#pragma once

#include "neutra/core/pointwise.hpp"

template <class S, neutra::Pointwise F> __global__ void apply_pointwise(F function, const S* x, S* y, S* slope) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  y[i] = function.f(x[i]);
  slope[i] = function.df(x[i], y[i]);
}

template <class S, neutra::PointwiseWithParameters F>
__global__ void apply_trained(F function, const S* x, const S* p, S* y, S* slope, S* slopes) {
  constexpr std::size_t K = neutra::parameters_of<F>;
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  neutra::Parameters<S, K> numbers;
  for (std::size_t k = 0; k < K; ++k) numbers.values[k] = p[k];
  y[i] = function.f(x[i], numbers);
  slope[i] = function.df(x[i], y[i], numbers);
  const auto by_number = function.dp(x[i], y[i], numbers);
  for (std::size_t k = 0; k < K; ++k) slopes[k] = by_number[k];
}

template <class S, neutra::RowFunction F>
__global__ void apply_row(F function, const neutra::RowSums<S>* sums, S* y, neutra::RowSlopes<S>* slope) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  y[i] = function.f(sums[i]);
  slope[i] = function.df(sums[i]);
}

template <class S, neutra::GateFunction F>
__global__ void apply_gate(F function, const S* g, const S* s, const S* label, S* y, S* dg, S* ds) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  y[i] = function.f(g[i], s[i], label[i]);
  dg[i] = function.dg(g[i], s[i], label[i]);
  ds[i] = function.ds(g[i], s[i], label[i]);
}

// Launches the kernels of F for one scalar; none if F is not of one of these kinds.
template <class S, class F> void compile_for(const F& function) {
  if constexpr (neutra::Pointwise<F>) apply_pointwise<S, F><<<1, 32>>>(function, nullptr, nullptr, nullptr);
  if constexpr (neutra::PointwiseWithParameters<F>)
    apply_trained<S, F><<<1, 32>>>(function, nullptr, nullptr, nullptr, nullptr, nullptr);
  if constexpr (neutra::RowFunction<F>) apply_row<S, F><<<1, 32>>>(function, nullptr, nullptr, nullptr);
  if constexpr (neutra::GateFunction<F>)
    apply_gate<S, F><<<1, 32>>>(function, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
}

template <class F> void compile(const F& function) {
  compile_for<float>(function);
  compile_for<double>(function);
}
