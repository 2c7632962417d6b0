// expect: neutra: this adapter's Instance cannot be made; add  Instance(const Mine& described, const neutra::adapter::Sizes& sizes, std::uint64_t
// seed);  with the adapter's own name for Mine
#include "neutra/neutra.hpp"

using namespace neutra;

struct Right {
  adapter::Description describe(const adapter::Sizes&) const { return {.method = "right"}; }
  template <Scalar S, Backend D> struct Instance {
    Instance(const Right&, const adapter::Sizes&, std::uint64_t) {}
    std::vector<Parameter<S, D>*> parameters() { return {}; }
    bool acts_at(adapter::Site) const { return true; }
    Var<S, D> add(adapter::Site, Index, Var<S, D>, Var<S, D> y, Pass<S, D>&) { return y; }
  };
};
Var<float, Cpu> right(nn::Transformer<Right>& model, Tape<float, Cpu>& tape) { return model.logits(tape, {}); }

#ifdef NEUTRA_REJECT
struct Wrong {
  template <Scalar S, Backend D> struct Instance {
    std::vector<Parameter<S, D>*> parameters() { return {}; }
    Var<S, D> add(adapter::Site, Index, Var<S, D>, Var<S, D> y, Pass<S, D>&) { return y; }
  };
};
Var<float, Cpu> wrong(nn::Transformer<Wrong>& model, Tape<float, Cpu>& tape) { return model.logits(tape, {}); }
#endif
