/// Penalties: the local loss of one counted token. r is the output of the residue, y the output to which it is added (a
/// constant), d the number of channels.
///
/// A penalty is a small struct with
///   static constexpr std::string_view name
///   static constexpr penalty::Counts counts      original, target: tokens of that domain's sequences; both: all tokens
/// and either a function of channel sums of the residue (see RowSums in core/pointwise.hpp)
///   template <class S> S f(RowSums<S> sums) const                0 at r = 0: skipped tokens are not added
///   template <class S> RowSlopes<S> df(RowSums<S> sums) const    finite at r = 0
/// or a function of gate value g, logit s and label of the token (0 original, 1 target)
///   template <class V> V f(V g, V s, V label) const,  V dg(V g, V s, V label) const,  V ds(V g, V s, V label) const
/// or a function computed by ops, which may include statistics of the batch and trainable weights
///   static constexpr bool reads_gate             whether it reads g or s, which an open gate does not have
///   template <Scalar S, Backend D> Var<S, D> loss(const penalty::Activations<S, D>&, std::span<const Var<S, D>> w)
///   const
///       a scalar, with the factor below, which Activations provides
///   std::vector<Weight> weights(Index d) const   optional: w, one set per layer, saved as adapter.L.penalty.NAME
/// and optionally
///   static void options(self, visit)             its options by name (core/options.hpp)
///
///     struct L1 {                                            // sum |r| / d
///       static constexpr std::string_view name = "l1";
///       static constexpr auto counts = neutra::penalty::Counts::original;
///       template <class S> NEUTRA_HD S f(RowSums<S> t) const { return t.absolute / t.channels; }
///       template <class S> NEUTRA_HD RowSlopes<S> df(RowSums<S> t) const { return {S(1) / t.channels, S(0)}; }
///     };
///
/// The library multiplies by 1 / (layers * counted tokens of the whole step). The penalties of the library are listed
/// in penalty/all.hpp. Used by adapter::Residue.
#pragma once

#include "neutra/core/held.hpp"
#include "neutra/core/math.hpp"
#include "neutra/core/options.hpp"
#include "neutra/core/strict.hpp"
#include "neutra/core/weight.hpp"
#include "neutra/penalty/tokens.hpp"

#include <cmath>
#include <string_view>
#include <type_traits>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

namespace penalty {
/// No local loss: the null member of the family.
struct None {
  static constexpr std::string_view name = "none";
  static constexpr Counts counts = Counts::original;
};

/// What a residue reads from a penalty besides its function. The base class of penalties chosen at run time.
struct Traits {
  std::string_view name;
  Counts counts = Counts::original;
  bool none = false, reads_gate = false;
  PolicyOptions options{};
  Held policy{};  // the penalty
  std::vector<Weight> (*weights_of)(const Held&, Index d) = nullptr;

  /// The weights of the penalty, named as in files without the layer.
  std::vector<Weight> weights(Index d) const { return weights_of(policy, d); }
};
}  // namespace penalty

namespace penalty::detail {
NEUTRA_NAMED_MEMBER(SaysWeights, weights);

template <class P>
concept AtRunTime = std::derived_from<P, Traits>;
template <class P>
concept Named = requires {
  { P::name } -> std::convertible_to<std::string_view>;
};
template <class P>
concept Counting = requires {
  { P::counts } -> std::convertible_to<Counts>;
};
/// The signature of loss is checked once scalar and device are known.
template <class P>
concept OfOps = requires {
  { P::reads_gate } -> std::convertible_to<bool>;
};
template <class P>
concept HasFunction = std::same_as<P, None> || RowFunction<P> || GateFunction<P> || OfOps<P>;
template <class P>
concept HasWeights = requires(const P& p) {
  { p.weights(Index{}) } -> std::same_as<std::vector<Weight>>;
};
}  // namespace penalty::detail

template <class P>
concept Penalty = !penalty::detail::AtRunTime<P> && penalty::detail::Named<P> && penalty::detail::Counting<P> &&
                  penalty::detail::HasFunction<P>;

/// Fails to compile with one sentence per missing or wrong member of a penalty.
template <class P> consteval bool check_penalty() {
  if constexpr (!penalty::detail::AtRunTime<P>) {  // those were checked on construction
    static_assert(penalty::detail::Named<P>,
                  "neutra: this Penalty has no name; add  static constexpr std::string_view name = \"...\";");
    static_assert(penalty::detail::Counting<P>,
                  "neutra: this Penalty does not declare which tokens it counts; add  static constexpr auto counts = "
                  "neutra::penalty::Counts::original;");
    static_assert(penalty::detail::HasFunction<P>,
                  "neutra: this Penalty has no function; add f and df of RowSums (for a penalty on the residue), or f, "
                  "dg and ds of (g, s, label) (for one on the gate), or loss and reads_gate (for one made of ops)");
    static_assert(std::is_trivially_copyable_v<P>,
                  "neutra: this Penalty holds more than plain values; declare trainable parameters, so that every "
                  "layer has its own:  std::vector<neutra::Weight> weights(neutra::Index d) const;");
    static_assert(!penalty::detail::SaysWeights<P> || (penalty::detail::HasWeights<P> && penalty::detail::OfOps<P>),
                  "neutra: this Penalty's weights would never train; write  std::vector<neutra::Weight> "
                  "weights(neutra::Index d) const;  beside a loss made of ops");
    static_assert(check_options<P>());
    if constexpr (RowFunction<P>) return check_row_function<P>();
    if constexpr (GateFunction<P>) return check_gate_function<P>();
  }
  return true;
}

namespace penalty {

/// The weights of a penalty.      d: the model width
template <Penalty P> std::vector<Weight> own_weights(const P& penalty, Index d) {
  if constexpr (detail::HasWeights<P>)
    return penalty.weights(d);
  else
    return {};
}

template <Penalty P> constexpr bool reads_gate() {
  if constexpr (detail::OfOps<P>)
    return P::reads_gate;
  else
    return GateFunction<P>;
}

template <Penalty P> Traits traits(const P& penalty) {
  return {.name = P::name,
          .counts = P::counts,
          .none = std::same_as<P, None>,
          .reads_gate = reads_gate<P>(),
          .options = options_of(penalty),
          .policy = Held(penalty),
          .weights_of = [](const Held& held, Index d) { return prefixed("penalty.", own_weights(held.as<P>(), d)); }};
}
inline const Traits& traits(const Traits& of_any) { return of_any; }

}  // namespace penalty
}}  // namespace neutra::NEUTRA_ABI
