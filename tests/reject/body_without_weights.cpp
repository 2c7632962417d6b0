// expect: neutra: this Body does not declare its weights; add  std::vector<neutra::body::Weight> weights(Index d, Index
// r) const;
#include "neutra/adapter/residue.hpp"
#include "neutra/backend/cpu/cpu.hpp"

using namespace neutra;

struct Right {
  static constexpr std::string_view name = "right";
  std::vector<body::Weight> weights(Index d, Index r) const {
    return {{"down_proj", {r, d}}, {"up_proj", {d, r}, 0.0}};
  }
  template <Scalar S, Backend D> Var<S, D> forward(Var<S, D> x, std::span<const Var<S, D>> w) const {
    return linear(linear(x, w[0]), w[1]);
  }
};
adapter::Residue<gate::Relu, Right>::Instance<float, Cpu>* right(adapter::Residue<gate::Relu, Right> residue) {
  return new adapter::Residue<gate::Relu, Right>::Instance<float, Cpu>(residue, adapter::Sizes{}, 1);
}

#ifdef NEUTRA_REJECT
struct Wrong {
  static constexpr std::string_view name = "wrong";
  template <Scalar S, Backend D> Var<S, D> forward(Var<S, D> x, std::span<const Var<S, D>>) const { return x; }
};
adapter::Residue<gate::Relu, Wrong>::Instance<float, Cpu>* wrong(adapter::Residue<gate::Relu, Wrong> residue) {
  return new adapter::Residue<gate::Relu, Wrong>::Instance<float, Cpu>(residue, adapter::Sizes{}, 1);
}
#endif
