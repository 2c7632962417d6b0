/// A body as one type, whatever it is: what a residue computes with.
#pragma once

#include "neutra/body/family.hpp"

#include <functional>

namespace neutra { inline namespace NEUTRA_ABI { namespace body {

/// Any body, behind a few functions.
template <Scalar S, Backend D> struct Any {
  using Weights = std::span<const Var<S, D>>;

  template <class B>
  requires(!std::same_as<B, Any>) && Body<B> Any(const B& body)
      : name(checked<B>()),
  options(options_of(body)), weights([body](Index d, Index r) { return body.weights(d, r); }),
  forward([body](Var<S, D> x, Weights w) { return run(body, x, w); }),
  with([body](const PolicyOptions& chosen) { return Any(with_options(body, chosen)); }) {}

  std::string_view name;
  PolicyOptions options;
  std::function<std::vector<Weight>(Index d, Index r)> weights;
  std::function<Var<S, D>(Var<S, D> x, Weights w)> forward;
  /// The same body with some of its options set. Error: as with_options.
  std::function<Any(const PolicyOptions&)> with;

 private:
  template <class B> static std::string_view checked() {
    static_assert(check_body<B>());
    static_assert(
        detail::HasForward<B, S, D>,
        "neutra: this Body has no forward; add  template <Scalar S, Backend D> Var<S, D> forward(Var<S, D> x, "
        "std::span<const Var<S, D>> w) const;");
    static_assert(std::is_trivially_copyable_v<B>,
                  "neutra: this Body holds more than plain values; what trains is declared by weights, so that every "
                  "layer has its own");
    return B::name;
  }
  template <class B> static Var<S, D> run(const B& body, Var<S, D> x, Weights w) {
    if constexpr (detail::HasForward<B, S, D>)
      return body.forward(x, w);
    else
      return x;  // refused above
  }
};

}}}  // namespace neutra::NEUTRA_ABI::body
