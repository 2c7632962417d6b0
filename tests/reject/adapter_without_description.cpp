// expect: neutra: this adapter does not describe itself; add  neutra::adapter::Description describe(const
// neutra::adapter::Sizes& sizes) const;
#include "tests/reject/right_adapter.hpp"

using namespace neutra;

adapter::Any<float, Cpu> right_any{Right{}};

#ifdef NEUTRA_REJECT
struct Wrong {
  static constexpr std::string_view name = "wrong";
  template <Scalar S, Backend D> struct Instance {
    Instance(const Wrong&, const adapter::Sizes&, std::uint64_t) {}
    std::vector<Parameter<S, D>*> parameters() { return {}; }
    Var<S, D> apply(adapter::Site, Index, Var<S, D>, Var<S, D> y, Pass<S, D>&) { return y; }
  };
};
adapter::Any<float, Cpu> wrong{Wrong{}};
#endif
