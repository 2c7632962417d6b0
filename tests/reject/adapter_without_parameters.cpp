// expect: neutra: this adapter's Instance does not say what it trains; add  std::vector<neutra::Parameter<S, D>*>
// parameters();
#include "tests/reject/right_adapter.hpp"

using namespace neutra;

#ifdef NEUTRA_REJECT
struct Wrong {
  template <Scalar S, Backend D> struct Instance {
    Instance(const Wrong&, const adapter::Sizes&, std::uint64_t) {}
    Var<S, D> apply(adapter::Site, Index, Var<S, D>, Var<S, D> y, Pass<S, D>&) { return y; }
  };
};
Var<float, Cpu> wrong(ModelOf<Wrong>& model, Tapes& tape) { return model.logits(tape, {}); }
#endif
