// expect: neutra: this adapter's Instance cannot be asked what it adds; write  neutra::Var<S, D>
// add(neutra::adapter::Site site, neutra::Index layer, neutra::Var<S, D> x, neutra::Var<S, D> y, neutra::Pass<S, D>&
// pass);
#include "tests/reject/right_adapter.hpp"

using namespace neutra;

#ifdef NEUTRA_REJECT
struct Wrong {
  template <Scalar S, Backend D> struct Instance {
    Instance(const Wrong&, const adapter::Sizes&, std::uint64_t) {}
    std::vector<Parameter<S, D>*> parameters() { return {}; }
    Var<S, D> add(adapter::Site, Var<S, D>, Var<S, D> y, Pass<S, D>&) { return y; }
  };
};
Var<float, Cpu> wrong(ModelOf<Wrong>& model, Tapes& tape) { return model.logits(tape, {}); }
#endif
