// expect: neutra: a view of a temporary Tensor would outlive it; give the Tensor a name first, and keep it until the
// step is over
#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/op/add.hpp"

using namespace neutra;

Tensor<float, Cpu> zeros(const Shape& shape) { return Tensor<float, Cpu>(shape); }
Var<float, Cpu> right(Tape<float, Cpu>& tape, const Tensor<float, Cpu>& named) {
  return add(tape.input(named), tape.input(named.view()));
}

#ifdef NEUTRA_REJECT
Var<float, Cpu> wrong(Tape<float, Cpu>& tape) { return tape.input(zeros({5, 4}).view()); }
#endif
