// expect: neutra: this Penalty of ops has no loss; add  template <neutra::Scalar S, neutra::Backend D>
#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/penalty/any.hpp"

using namespace neutra;

struct Right {
  static constexpr std::string_view name = "right";
  static constexpr auto counts = penalty::Counts::original;
  static constexpr bool reads_gate = true;
  template <Scalar S, Backend D> Var<S, D> loss(const penalty::Activations<S, D>& e, std::span<const Var<S, D>>) const {
    return e.mean_gate(counts);
  }
};
penalty::Any<float, Cpu> right{Right{}};

#ifdef NEUTRA_REJECT
struct Wrong {
  static constexpr std::string_view name = "wrong";
  static constexpr auto counts = penalty::Counts::original;
  static constexpr bool reads_gate = true;
  template <Scalar S, Backend D> Var<S, D> loss(const penalty::Activations<S, D>& e) const {
    return e.mean_gate(counts);
  }
};
penalty::Any<float, Cpu> wrong{Wrong{}};
#endif
