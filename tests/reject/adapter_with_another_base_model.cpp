// expect: neutra: this adapter's Instance cannot be made; add  Instance(const Mine& described, const
// neutra::adapter::Sizes& sizes, std::uint64_t seed);  with the adapter's own name for Mine
#include "tests/reject/right_adapter.hpp"

using namespace neutra;

#ifdef NEUTRA_REJECT
struct Wrong {
  template <Scalar S, Backend D> struct Instance {
    Instance(const Wrong&, const adapter::Sizes&, std::uint64_t, std::shared_ptr<adapter::BaseModel<double, D>>) {}
    std::vector<Parameter<S, D>*> parameters() { return {}; }
    Var<S, D> apply(adapter::Site, Index, Var<S, D>, Var<S, D> y, Pass<S, D>&) { return y; }
  };
};
Var<float, Cpu> wrong(ModelOf<Wrong>& model, Tapes& tape) { return model.logits(tape, {}); }
#endif
