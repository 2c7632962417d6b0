/// Products through cuBLASLt. See driver.hpp.
///
/// cuBLASLt stores by columns. A row-major c = a b is c^T = b^T a^T by columns, so that a and b change places.
/// Algorithms are chosen by its heuristic once for each kind of product, and the same from then on. float is multiplied
/// as float unless `tf32()` is set.
#pragma once

#include "neutra/backend/cuda/runtime.hpp"

#include <cublasLt.h>

#include <array>
#include <cstdint>
#include <map>

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu {

/// Whether products of float may round their operands to TF32 (10 fraction bits).
inline bool& tf32() {
  static bool yes = false;
  return yes;
}

namespace detail {

inline void succeed(cublasStatus_t result, const char* what) {
  require(result == CUBLAS_STATUS_SUCCESS, "cuda: cuBLASLt failed in ", what, ": ", cublasLtGetStatusName(result));
}

inline cudaDataType_t cuda_type(DType type) {
  return type == DType::f64 ? CUDA_R_64F : type == DType::bf16 ? CUDA_R_16BF : CUDA_R_32F;
}

/// A description that is destroyed at the end of its scope.
template <class T, cublasStatus_t (*destroy)(T)> struct Description {
  T it{};
  Description() = default;
  Description(const Description&) = delete;
  Description& operator=(const Description&) = delete;
  ~Description() { destroy(it); }
};

/// What a product is computed with, made once for each kind of task.
struct Plan {
  static constexpr std::size_t workspace = std::size_t{32} << 20;  // what NVIDIA recommends for Hopper

  Description<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy> product;
  Description<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy> left, right, addend, result;
  cublasLtMatmulAlgo_t algorithm{};

  /// Error: there is no algorithm for it.
  Plan(cublasLtHandle_t handle, const MatmulTask& t) {
    const DType sums = t.numbers == DType::f64 ? DType::f64 : DType::f32;
    const auto compute = sums == DType::f64                  ? CUBLAS_COMPUTE_64F
                         : t.numbers == DType::f32 && tf32() ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                             : CUBLAS_COMPUTE_32F;
    succeed(cublasLtMatmulDescCreate(&product.it, compute, cuda_type(sums)), "cublasLtMatmulDescCreate");
    set(CUBLASLT_MATMUL_DESC_TRANSA, t.b.transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(CUBLASLT_MATMUL_DESC_TRANSB, t.a.transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    if (t.bias) {
      set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
      set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, t.bias);
    }
    lay(left.it, t.numbers, t.b, t.depth, t.cols);
    lay(right.it, t.numbers, t.a, t.rows, t.depth);
    lay(addend.it, t.result, {t.c, t.addend ? t.addend_stride : t.c_stride}, t.rows, t.cols);
    lay(result.it, t.result, {t.c, t.c_stride}, t.rows, t.cols);
    choose(handle, t);
  }

  template <class T> void set(cublasLtMatmulDescAttributes_t attribute, const T& value) {
    succeed(cublasLtMatmulDescSetAttribute(product.it, attribute, &value, sizeof value),
            "cublasLtMatmulDescSetAttribute");
  }

 private:
  /// A row-major (rows, cols) is (cols, rows) by columns.
  static void lay(cublasLtMatrixLayout_t& to, DType type, const MatrixAt& x, Index rows, Index cols) {
    const auto [high, wide] = x.transposed ? std::pair{cols, rows} : std::pair{rows, cols};
    succeed(cublasLtMatrixLayoutCreate(&to, cuda_type(type), static_cast<std::uint64_t>(wide),
                                       static_cast<std::uint64_t>(high), std::max(x.stride, wide)),
            "cublasLtMatrixLayoutCreate");
  }
  void choose(cublasLtHandle_t handle, const MatmulTask& t);
};

/// The alignment that a pointer has, of those that make a difference.
inline std::uint32_t alignment(const void* pointer) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer) | 256u;
  return static_cast<std::uint32_t>(address & (~address + 1));
}

inline void Plan::choose(cublasLtHandle_t handle, const MatmulTask& t) {
  Description<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy> wish;
  succeed(cublasLtMatmulPreferenceCreate(&wish.it), "cublasLtMatmulPreferenceCreate");
  const auto set_wish = [&](cublasLtMatmulPreferenceAttributes_t attribute, auto value) {
    succeed(cublasLtMatmulPreferenceSetAttribute(wish.it, attribute, &value, sizeof value),
            "cublasLtMatmulPreferenceSetAttribute");
  };
  set_wish(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace);
  set_wish(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment(t.b.data));
  set_wish(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment(t.a.data));
  set_wish(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment(t.addend ? t.addend : t.c));
  set_wish(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment(t.c));
  cublasLtMatmulHeuristicResult_t found{};
  int count = 0;
  const auto status = cublasLtMatmulAlgoGetHeuristic(handle, product.it, left.it, right.it, addend.it, result.it,
                                                     wish.it, 1, &found, &count);
  require(status == CUBLAS_STATUS_SUCCESS && count == 1, "cuda: cuBLASLt has no algorithm for a product of (", t.rows,
          ",", t.depth, ") and (", t.depth, ",", t.cols, ") in ", t.numbers);
  algorithm = found.algo;
}

/// All that a plan depends on.
using Kind = std::array<Index, 18>;
inline Kind kind_of(const MatmulTask& t) {
  return {static_cast<Index>(t.numbers),
          static_cast<Index>(t.result),
          t.rows,
          t.cols,
          t.depth,
          t.a.stride,
          t.a.transposed,
          t.b.stride,
          t.b.transposed,
          t.c_stride,
          t.addend ? t.addend_stride : -1,
          t.bias != nullptr,
          tf32(),
          alignment(t.a.data),
          alignment(t.b.data),
          alignment(t.c),
          alignment(t.addend),
          alignment(t.bias)};
}

}  // namespace detail

inline void matmul(const MatmulTask& t) {
  static const auto handle = [] {
    cublasLtHandle_t made{};
    detail::succeed(cublasLtCreate(&made), "cublasLtCreate");
    return made;
  }();
  static void* const workspace = allocate(detail::Plan::workspace);
  // Sizes of a training step repeat; generating text meets a new one with each token, so old plans are dropped.
  static auto* const plans = new std::map<detail::Kind, detail::Plan>;
  constexpr std::size_t most_plans = 4096;
  const auto kind = detail::kind_of(t);
  auto plan = plans->find(kind);
  if (plan == plans->end()) {
    if (plans->size() >= most_plans) plans->clear();
    plan = plans->try_emplace(kind, handle, t).first;
  }
  if (t.bias) plan->second.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, t.bias);
  const detail::Plan& p = plan->second;
  const auto run = [&](auto one) {
    const auto beta = t.adds || t.addend ? one : decltype(one)(0);
    detail::succeed(cublasLtMatmul(handle, p.product.it, &one, t.b.data, p.left.it, t.a.data, p.right.it, &beta,
                                   t.addend ? t.addend : t.c, p.addend.it, t.c, p.result.it, &p.algorithm, workspace,
                                   detail::Plan::workspace, Device::here().stream()),
                    "cublasLtMatmul");
  };
  if (t.numbers == DType::f64)
    run(1.0);
  else
    run(1.0f);
}

}}}  // namespace neutra::NEUTRA_ABI::gpu
