// An adapter that has all it needs: the tests of what one may lack compile it beside a wrong one.
#pragma once

#include "neutra/neutra.hpp"

struct Right {
  static constexpr std::string_view name = "right";
  neutra::adapter::Description describe(const neutra::adapter::Sizes&) const { return {.kind = std::string(name)}; }
  template <neutra::Scalar S, neutra::Backend D> struct Instance {
    Instance(const Right&, const neutra::adapter::Sizes&, std::uint64_t) {}
    std::vector<neutra::Parameter<S, D>*> parameters() { return {}; }
    bool acts_at(neutra::adapter::Site) const { return true; }
    neutra::Var<S, D> apply(neutra::adapter::Site, neutra::Index, neutra::Var<S, D>, neutra::Var<S, D> y,
                            neutra::Pass<S, D>&) {
      return y;
    }
  };
};

template <class A> using ModelOf = neutra::nn::Transformer<A>;
using Tapes = neutra::Tape<float, neutra::Cpu>;
inline neutra::Var<float, neutra::Cpu> right(ModelOf<Right>& model, Tapes& tape) { return model.logits(tape, {}); }
