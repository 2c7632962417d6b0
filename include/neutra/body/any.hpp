/// A type-erased body, chosen at run time.
#pragma once

#include "neutra/body/family.hpp"
#include "neutra/core/held.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace body {

/// A type-erased body.
template <Scalar S, Backend D> class Any {
 public:
  using Weights = std::span<const Var<S, D>>;

  template <class B>
  requires(!std::same_as<B, Any>) && Body<B> Any(const B& body)
      : name(checked<B>()),
  options(options_of(body)), held_(body),
  weights_([](const Held& held, Index d, Index r) { return held.as<B>().weights(d, r); }),
  forward_([](const Held& held, Var<S, D> x, Weights w) { return run(held.as<B>(), x, w); }),
  with_([](const Held& held, const PolicyOptions& chosen) { return Any(with_options(held.as<B>(), chosen)); }) {}

  std::string_view name;
  PolicyOptions options;

  std::vector<Weight> weights(Index d, Index r) const { return weights_(held_, d, r); }
  Var<S, D> forward(Var<S, D> x, Weights w) const { return forward_(held_, x, w); }
  /// A copy of the body with some options changed. Error: as with_options.
  Any with(const PolicyOptions& chosen) const { return with_(held_, chosen); }

 private:
  template <class B> static std::string_view checked() {
    static_assert(check_body<B>());
    static_assert(
        detail::HasForward<B, S, D>,
        "neutra: this Body has no forward; add  template <Scalar S, Backend D> Var<S, D> forward(Var<S, D> x, "
        "std::span<const Var<S, D>> w) const;");
    static_assert(std::is_trivially_copyable_v<B>,
                  "neutra: this Body holds more than plain values; declare trainable parameters in weights, so that "
                  "every layer has its own");
    return B::name;
  }
  template <class B> static Var<S, D> run(const B& body, Var<S, D> x, Weights w) {
    if constexpr (detail::HasForward<B, S, D>)
      return body.forward(x, w);
    else
      return x;  // rejected in checked()
  }

  Held held_;
  std::vector<Weight> (*weights_)(const Held&, Index d, Index r);
  Var<S, D> (*forward_)(const Held&, Var<S, D>, Weights);
  Any (*with_)(const Held&, const PolicyOptions&);
};

}}}  // namespace neutra::NEUTRA_ABI::body
