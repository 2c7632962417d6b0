// Values for the pretty printers of tools/gdb.
#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/op/pointwise.hpp"

using namespace neutra;

struct Twice {
  template <class V> V f(V x) const { return x + x; }
  template <class V> V df(V, V) const { return V(2); }
};

/// The breakpoint. All values are arguments, so that no optimisation removes them.
[[gnu::noinline]] void shown(const Shape& shape, const Tensor<float>& tensor, const Tensor<float>& none,
                             const View<const float>& part, const Tensor<bf16>& rounded, const Tensor<double>& row,
                             const Var<float, Cpu>& var, const Var<float, Cpu>& old, const Var<float, Cpu>& unset) {
  asm volatile("" ::"r"(&shape), "r"(&tensor), "r"(&none), "r"(&part), "r"(&rounded), "r"(&row), "r"(&var) : "memory");
  asm volatile("" ::"r"(&old), "r"(&unset) : "memory");
}

int main() {
  Tensor<float> tensor({2, 3}), none;
  for (Index i = 0; i < 6; ++i) tensor.data()[i] = static_cast<float>(i / 3 * 10 + i % 3);
  Tensor<bf16> rounded({2});
  rounded.data()[0] = bf16(1.5f);
  rounded.data()[1] = bf16(-2.0f);
  Tensor<double> row({20});
  row.data()[1] = 0.25;
  Tape<float, Cpu> tape;
  tape.start();
  const auto old = tape.input(tensor.view());
  tape.start();
  const auto var = pointwise(tape.input(tensor.view()), Twice{});
  shown({8, 64}, tensor, none, tensor.view().columns(1, 2), rounded, row, var, old, {});
}
