// What the benchmark of gates measures: a residue whose gate is open for a given share of tokens.
#pragma once

#include "neutra/adapter/residue.hpp"
#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/body/gated_unit.hpp"
#include "neutra/gate/any.hpp"
#include "neutra/init/he.hpp"
#include "neutra/penalty/family.hpp"

#include "default_model.hpp"

#include <algorithm>
#include <string_view>

namespace gates {

using namespace neutra;

namespace detail {

using Gate = gate::Any<float, Cpu>;
using Residue = adapter::Residue<Gate, body::GatedUnit, penalty::None, init::He>;
using Var = neutra::Var<float, Cpu>;
using Tape = neutra::Tape<float, Cpu>;

inline const adapter::Sizes sizes = default_model::sizes();

inline Tensor<float, Cpu> normal(const Shape& shape, std::string_view name) {
  return adapter::normal_tensor<float, Cpu>(shape, 1, 1, name);
}

/// The residue of one layer. Its gate looks only at the first channel of each token, which decides which tokens are
/// open: a gate's bias and what it reads of earlier tokens are computed, and are 0.
struct Trial {
  Trial(const Gate& chosen, Index open_percent, bool skip, gate::Context of = default_model::batch())
      : batch(of), residue(Residue{.gate = chosen, .skip = skip}, sizes, 1) {
    for (auto* parameter : residue.parameters()) {
      Tensor<float, Cpu>& w = parameter->value;
      const Index cols = w.shape().cols();
      if (parameter->name.ends_with(".gate_context") || parameter->name.ends_with(".gate_bias"))
        std::fill_n(w.data(), w.size(), 0.0f);
      else if (parameter->name.ends_with(".gate_hidden") || parameter->name.ends_with(".gate"))
        for (Index i = 0; i < w.size(); ++i) w.data()[i] = i % cols == 0 ? 4.0f : 0.0f;
      else if (parameter->name.ends_with(".down_proj"))
        w = normal(w.shape(), "out");
    }
    const Permutation order(tokens, Philox(1, "open tokens"), 0);
    for (Index n = 0; n < tokens; ++n) x.data()[n * sizes.dim] = 100 * order(n) < open_percent * tokens ? 1.0f : -1.0f;
  }
  Var run(Tape& tape) {
    if (tape.recording())
      for (auto* parameter : residue.parameters()) parameter->has_gradient = false;
    Pass<float, Cpu> pass{.tape = tape, .tokens = batch};
    return residue.apply(adapter::Site::ffn, 0, tape.input(x.view(), dx.data()), tape.input(y.view(), dresult.data()),
                         pass);
  }

  const gate::Context batch;
  const Index tokens = batch.sequences * batch.length;
  Residue::Instance<float, Cpu> residue;
  Tensor<float, Cpu> x = normal({tokens, sizes.dim}, "x"), y = normal({tokens, sizes.dim}, "y"),
                     dy = normal({tokens, sizes.dim}, "dy");
  Tensor<float, Cpu> dx{Shape{tokens, sizes.dim}}, dresult{Shape{tokens, sizes.dim}};
};

}  // namespace detail

}  // namespace gates
