// expect: neutra: this adapter's Instance cannot be applied; write  neutra::Var<S, D> apply(neutra::adapter::Site site,
#include "tests/reject/right_adapter.hpp"

using namespace neutra;

#ifdef NEUTRA_REJECT
struct Wrong {
  template <Scalar S, Backend D> struct Instance {
    Instance(const Wrong&, const adapter::Sizes&, std::uint64_t) {}
    std::vector<Parameter<S, D>*> parameters() { return {}; }
    Var<S, D> apply(adapter::Site, Var<S, D>, Var<S, D> y, Pass<S, D>&) { return y; }
  };
};
Var<float, Cpu> wrong(ModelOf<Wrong>& model, Tapes& tape) { return model.logits(tape, {}); }
#endif
