// expect: neutra: this adapter does not describe itself; add  neutra::adapter::Description describe(const neutra::adapter::Sizes& sizes) const;
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
adapter::Any<float, Cpu> right{Right{}};

#ifdef NEUTRA_REJECT
struct Wrong {
  template <Scalar S, Backend D> struct Instance {
    Instance(const Wrong&, const adapter::Sizes&, std::uint64_t) {}
    std::vector<Parameter<S, D>*> parameters() { return {}; }
    Var<S, D> add(adapter::Site, Index, Var<S, D>, Var<S, D> y, Pass<S, D>&) { return y; }
  };
};
adapter::Any<float, Cpu> wrong{Wrong{}};
#endif
