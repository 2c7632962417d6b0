/// Penalties: the local loss of one counted token. r is the residue's output, y the output it joins (held constant), d
/// the number of channels.
///
/// A penalty is a small struct with
///   static constexpr std::string_view name
///   static constexpr penalty::Counts counts      original, target: tokens of that domain's sequences; both: all tokens
/// and either a function of channel sums of the residue (see RowSums in core/pointwise.hpp)
///   template <class S> S f(RowSums<S> sums) const                0 where r = 0: closed tokens are skipped, not counted
///   template <class S> RowSlopes<S> df(RowSums<S> sums) const    finite also where r = 0
/// or a function of the gate's value g, its logit s and the token's label (0 original, 1 target)
///   template <class V> V f(V g, V s, V label) const,  V dg(V g, V s, V label) const,  V ds(V g, V s, V label) const
/// or anything that ops compute, sums over the batch and weights that train included
///   static constexpr bool reads_gate             whether it reads g or s; with an open gate there are none
///   template <Scalar S, Backend D> Var<S, D> loss(const penalty::Evidence<S, D>&, std::span<const Var<S, D>> w) const
///       one number, divided as below: Evidence says by what
///   std::vector<Weight> weights(Index d) const   may be missing: w, one set a layer, saved as adapter.L.penalty.NAME
/// and, where it has any,
///   static void options(self, visit)             its options by name (core/options.hpp)
///
///     struct L1 {                                            // sum |r| / d
///       static constexpr std::string_view name = "l1";
///       static constexpr auto counts = neutra::penalty::Counts::original;
///       template <class S> NEUTRA_HD S f(RowSums<S> t) const { return t.absolute / t.channels; }
///       template <class S> NEUTRA_HD RowSlopes<S> df(RowSums<S> t) const { return {S(1) / t.channels, S(0)}; }
///     };
///
/// The library divides by layers times counted tokens of the whole step. Ours are listed in penalty/all.hpp. Consumer:
/// adapter::Residue.
#pragma once

#include "neutra/core/math.hpp"
#include "neutra/core/options.hpp"
#include "neutra/core/strict.hpp"
#include "neutra/core/weight.hpp"
#include "neutra/penalty/tokens.hpp"

#include <cmath>
#include <functional>
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

/// What a residue has to know of a penalty beside its function. A penalty chosen at run time is derived from it.
struct Traits {
  std::string_view name;
  Counts counts = Counts::original;
  bool none = false, reads_gate = false;
  PolicyOptions options{};
  std::function<std::vector<Weight>(Index d)> weights{};  // named as in the file
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
/// Its loss is checked where scalar and device are known.
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

/// One sentence for each thing a penalty lacks.
template <class P> consteval bool check_penalty() {
  if constexpr (!penalty::detail::AtRunTime<P>) {  // such a one was checked when it was made
    static_assert(penalty::detail::Named<P>,
                  "neutra: this Penalty has no name; add  static constexpr std::string_view name = \"...\";");
    static_assert(penalty::detail::Counting<P>,
                  "neutra: this Penalty does not say which tokens it counts; add  static constexpr auto counts = "
                  "neutra::penalty::Counts::original;");
    static_assert(penalty::detail::HasFunction<P>,
                  "neutra: this Penalty has no function; add f and df of RowSums (for a penalty on the residue), or f, "
                  "dg and ds of (g, s, label) (for one on the gate), or loss and reads_gate (for one made of ops)");
    static_assert(std::is_trivially_copyable_v<P>,
                  "neutra: this Penalty holds more than plain values; what trains is declared, so that every layer has "
                  "its own:  std::vector<neutra::Weight> weights(neutra::Index d) const;");
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

/// Weights of the penalty's own.      d: the model's width
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
          .weights = [penalty](Index d) { return prefixed("penalty.", own_weights(penalty, d)); }};
}
inline const Traits& traits(const Traits& of_any) { return of_any; }

}  // namespace penalty
}}  // namespace neutra::NEUTRA_ABI
