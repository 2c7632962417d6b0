// Every policy of every family as CUDA source, by the lists that everything else reads.
#include "neutra/body/all.hpp"
#include "neutra/gate/all.hpp"
#include "neutra/init/all.hpp"
#include "neutra/op/gated.hpp"
#include "neutra/penalty/all.hpp"

#include "tests/cuda/kernel.cuh"

template <class... Policies> void compile_all(neutra::Types<Policies...>) { (compile(Policies{}), ...); }

void compile_policies() {
  compile_all(neutra::gate::All{});
  compile_all(neutra::penalty::All{});
  compile_all(neutra::body::All{});
  compile_all(neutra::init::All{});
  compile(neutra::op::Silu{});
}
