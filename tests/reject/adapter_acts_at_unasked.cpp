// expect: neutra: this adapter's acts_at would never be asked; write  bool acts_at(neutra::adapter::Site site) const;
#include "tests/reject/right_adapter.hpp"

using namespace neutra;

#ifdef NEUTRA_REJECT
struct Wrong {
  template <Scalar S, Backend D> struct Instance {
    Instance(const Wrong&, const adapter::Sizes&, std::uint64_t) {}
    std::vector<Parameter<S, D>*> parameters() { return {}; }
    bool acts_at(adapter::Site) { return true; }
    Var<S, D> apply(adapter::Site, Index, Var<S, D>, Var<S, D> y, Pass<S, D>&) { return y; }
  };
};
Var<float, Cpu> wrong(ModelOf<Wrong>& model, Tapes& tape) { return model.logits(tape, {}); }
#endif
