/// Gates: how much of a token's residue passes.
///
/// A gate is a small struct with
///   static constexpr std::string_view name      unique, lower case; programs select the gate by it
///   template <class V> V f(V s) const           the gate's value g at logit s
///   template <class V> V df(V s, V g) const     the derivative dg/ds; g = f(s)
/// and optionally
///   static constexpr bool exact_zero = true     g == 0 means that the token's body may be skipped
///   static void options(self, visit)            its options by name (core/options.hpp), saved with an adapter and
///                                               compared when it is loaded
/// written with neutra::math, so that the same code serves scalar, SIMD batch and CUDA thread:
///
///     struct Saturating {                                   // g = r / (1 + r), r = max(0, s)
///       static constexpr std::string_view name = "saturating";
///       static constexpr bool exact_zero = true;
///       template <class V> NEUTRA_HD V f(V s) const {
///         const V r = math::relu(s);
///         return r / (V(1) + r);
///       }
///       template <class V> NEUTRA_HD V df(V s, V g) const {
///         return math::select(s > V(0), (V(1) - g) * (V(1) - g), V(0));
///       }
///     };
///     using Mine = neutra::adapter::Residue<Saturating>;
///
/// A gate may have trainable parameters, one set per layer, saved as adapter.L.gate.NAME and counted in the capacity:
///   std::vector<Weight> weights(Index d) const                 names, shapes (one element each) and initial values
///   template <class V> V f(V s, Parameters<V, K> p) const      the value; p[k] is the k-th weight
///   template <class V> V df(V s, V g, Parameters<V, K> p) const                  the derivative by s
///   template <class V> Parameters<V, K> dp(V s, V g, Parameters<V, K> p) const   the derivatives by p
///
/// The logit is w_b . x, one number per token (block gate, as in the paper). A gate may compute other logits by ops:
///   std::vector<Weight> logit_weights(Index d) const           in place of {"gate", {1, d}}; names as in files
///   template <Scalar S, Backend D>
///   Var<S, D> logit(Var<S, D> x, std::span<const Var<S, D>> w, const gate::Context&) const
///                                               x: (N,d)  result: (N,1)  w: logit_weights(d), then weights(d);
///                                               beyond the first K, which f takes, weights may have any shape
///   static constexpr bool per_channel = true    logits are (N,d): one gate per output channel; no token is skipped
/// A gate with a member `gate` is a wrapper: f and df are those of the inner gate, as are all members that it lacks.
///
/// Options are data members. The gates of the library are listed in gate/all.hpp. Used by adapter::Residue.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/held.hpp"
#include "neutra/core/math.hpp"
#include "neutra/core/options.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/core/strict.hpp"
#include "neutra/core/weight.hpp"

#include <string_view>
#include <type_traits>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI {

namespace gate {

/// What a residue reads from a gate besides its function. The base class of gates chosen at run time.
struct Traits {
  std::string_view name;
  bool open = false;         // the value is 1 for every token; no weights
  bool exact_zero = false;   // a token with g == 0 may be skipped
  bool per_channel = false;  // one gate per output channel instead of one per token
  PolicyOptions options{};   // saved with the weights of an adapter
  Held policy{};             // the gate
  std::vector<Weight> (*logit_weights_of)(const Held&, Index d) = nullptr;
  std::vector<Weight> (*weights_of)(const Held&, Index d) = nullptr;

  /// The weights of the logit, and the parameters of the gate, named as in files without the layer.
  std::vector<Weight> logit_weights(Index d) const { return logit_weights_of(policy, d); }
  std::vector<Weight> weights(Index d) const { return weights_of(policy, d); }
};

namespace detail {
template <class G>
concept Wrapper = requires(const G& g) {
  g.gate;
};
}  // namespace detail

/// The gate that provides f and df: the innermost gate of wrappers.
template <class G> constexpr const auto& function(const G& gate) {
  if constexpr (detail::Wrapper<G>)
    return function(gate.gate);
  else
    return gate;
}
template <class G> using Function = std::remove_cvref_t<decltype(function(std::declval<const G&>()))>;

namespace detail {
NEUTRA_NAMED_MEMBER(SaysWeights, weights);
NEUTRA_NAMED_MEMBER(SaysLogitWeights, logit_weights);

template <class G>
concept AtRunTime = std::derived_from<G, Traits>;
template <class G>
concept Named = requires {
  { G::name } -> std::convertible_to<std::string_view>;
};
template <class G>
concept HasValue = requires(const G& g, float s) {
  { g.f(s) } -> std::same_as<float>;
}
|| (parameters_of<G> > 0);
template <class G>
concept HasSlope = requires(const G& g, float s) {
  { g.df(s, s) } -> std::same_as<float>;
}
|| neutra::detail::HasSlopeWithParameters<G>;
template <class G>
concept HasWeights = requires(const G& g) {
  { g.weights(Index{}) } -> std::same_as<std::vector<Weight>>;
};
template <class G>
concept HasLogitWeights = requires(const G& g) {
  { g.logit_weights(Index{}) } -> std::same_as<std::vector<Weight>>;
};
template <class G>
concept IsOpen = requires {
  requires bool(G::open);
};
template <class G>
concept IsExactZero = requires {
  requires bool(G::exact_zero);
};
template <class G>
concept IsPerChannel = requires {
  requires bool(G::per_channel);
};
}  // namespace detail

}  // namespace gate

template <class G>
concept Gate = !gate::detail::AtRunTime<G> && gate::detail::Named<G> && std::is_trivially_copyable_v<G> &&
               (Pointwise<gate::Function<G>> || PointwiseWithParameters<gate::Function<G>>);

/// Fails to compile with one sentence per missing or wrong member of a gate.
template <class G> consteval bool check_gate() {
  if constexpr (gate::detail::AtRunTime<G>) {  // checked on construction
    return true;
  } else {
    using F = gate::Function<G>;
    static_assert(gate::detail::Named<G>,
                  "neutra: this Gate has no name; add  static constexpr std::string_view name = \"...\";");
    static_assert(gate::detail::HasValue<F>, "neutra: this Gate has no value; add  template <class V> V f(V s) const;");
    static_assert(gate::detail::HasSlope<F>,
                  "neutra: this Gate has no derivative; add  template <class V> V df(V s, V g) const;");
    static_assert(parameters_of<F> == 0 || neutra::detail::HasParameterSlopes<F>,
                  "neutra: this Gate's f takes parameters, but it has no derivatives by them; add  template <class V> "
                  "neutra::Parameters<V, 1> dp(V s, V g, neutra::Parameters<V, 1> p) const;");
    static_assert(parameters_of<F> == 0 || gate::detail::HasWeights<F>,
                  "neutra: this Gate's f takes parameters that nothing declares; add  std::vector<neutra::Weight> "
                  "weights(neutra::Index d) const { return {{\"temperature\", {1}, 1.0}}; }");
    static_assert(std::copyable<G>,
                  "neutra: this Gate cannot be copied; keep only plain values in it, kernels take it by value");
    static_assert(!std::copyable<G> || std::is_trivially_copyable_v<G>,
                  "neutra: this Gate holds more than plain values; declare trainable parameters, so that every layer "
                  "has its own:  std::vector<neutra::Weight> weights(neutra::Index d) const;");
    static_assert(!gate::detail::SaysWeights<G> || gate::detail::HasWeights<G>,
                  "neutra: this Gate's weights would never train; write  std::vector<neutra::Weight> "
                  "weights(neutra::Index d) const;");
    static_assert(!gate::detail::SaysLogitWeights<G> || gate::detail::HasLogitWeights<G>,
                  "neutra: this Gate's logit_weights would never train; write  std::vector<neutra::Weight> "
                  "logit_weights(neutra::Index d) const;");
    static_assert(check_options<G>());
    if constexpr (Gate<G>) return check_pointwise<F>();
    return true;
  }
}

}}  // namespace neutra::NEUTRA_ABI
