// The products of the emulated device: those of the CPU, without SIMD.
#include "neutra/backend/cpu/cpu.hpp"

#include "tests/cuda/emulated/emulator.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu {
namespace {

/// S: sums; T: elements of a and b; R: of the result.
template <Scalar S, class T, class R> void multiply(const MatmulTask& task) {
  const auto operand = [](const MatrixAt& at, Index rows, Index cols) {
    const Shape shape = at.transposed ? Shape{cols, rows} : Shape{rows, cols};
    Operand<S> x(View<const T>(static_cast<const T*>(at.data), shape, at.stride));
    x.transposed = at.transposed;
    return x;
  };
  Tensor<S> product({task.rows, task.cols});
  ScalarCpu::product<S>(operand(task.a, task.rows, task.depth), operand(task.b, task.depth, task.cols), product.view());
  for (Index i = 0; i < task.rows; ++i) {
    R* const c = static_cast<R*>(task.c) + i * task.c_stride;
    const R* const addend = static_cast<const R*>(task.addend) + (task.addend ? i * task.addend_stride : 0);
    for (Index j = 0; j < task.cols; ++j) {
      S sum = product.view()(i, j);
      if (task.adds) sum += static_cast<S>(c[j]);
      if (task.addend) sum += static_cast<S>(addend[j]);
      if (task.bias) sum += static_cast<S>(static_cast<const R*>(task.bias)[j]);
      c[j] = static_cast<R>(sum);
    }
  }
}

}  // namespace

void matmul(const MatmulTask& task) {
  require(task.rows >= 1 && task.cols >= 1 && task.depth >= 1 && !(task.adds && task.addend),
          "emulator: a product of (", task.rows, ",", task.depth, ") and (", task.depth, ",", task.cols, ")");
  emulated::settle();
  const emulated::Memory::Opened open;
  if (task.numbers == DType::f64)
    multiply<double, double, double>(task);
  else if (task.numbers == DType::f32)
    multiply<float, float, float>(task);
  else if (task.result == DType::f32)
    multiply<float, bf16, float>(task);
  else
    multiply<float, bf16, bf16>(task);
}

}}}  // namespace neutra::NEUTRA_ABI::gpu
