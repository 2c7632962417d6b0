/// Penalties: the local loss of one counted token. r is the residue's output, y the output it joins (held constant), d
/// the number of channels.
///
/// A penalty is a small struct with
///   static constexpr std::string_view name
///   static constexpr penalty::Counts counts      original: tokens of original-domain sequences; both: all tokens
/// and either a function of channel sums of the residue (see RowSums in core/pointwise.hpp)
///   template <class S> S f(RowSums<S> sums) const                    0 where r = 0: rows of closed tokens are skipped,
///   not counted template <class S> RowSlopes<S> df(RowSums<S> sums) const        finite also where r = 0
/// or a function of the gate's value g, its logit s and the token's label (0 original, 1 target)
///   template <class V> V f(V g, V s, V label) const,  V dg(V g, V s, V label) const,  V ds(V g, V s, V label) const
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
#include "neutra/core/strict.hpp"
#include "neutra/op/penalty.hpp"

#include <cmath>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI {

namespace penalty {
/// Which tokens a penalty counts.
enum class Counts { original, both };

/// No local loss: the null member of the family.
struct None {
  static constexpr std::string_view name = "none";
  static constexpr Counts counts = Counts::original;
};
}  // namespace penalty

namespace penalty::detail {
template <class P>
concept Named = requires {
  { P::name } -> std::convertible_to<std::string_view>;
};
template <class P>
concept Counting = requires {
  { P::counts } -> std::convertible_to<Counts>;
};
template <class P>
concept HasFunction = std::same_as<P, None> || RowFunction<P> || GateFunction<P>;
}  // namespace penalty::detail

template <class P>
concept Penalty = penalty::detail::Named<P> && penalty::detail::Counting<P> && penalty::detail::HasFunction<P>;

/// One sentence for each thing a penalty lacks.
template <class P> consteval bool check_penalty() {
  static_assert(penalty::detail::Named<P>,
                "neutra: this Penalty has no name; add  static constexpr std::string_view name = \"...\";");
  static_assert(penalty::detail::Counting<P>,
                "neutra: this Penalty does not say which tokens it counts; add  static constexpr auto counts = "
                "neutra::penalty::Counts::original;");
  static_assert(penalty::detail::HasFunction<P>,
                "neutra: this Penalty has no function; add f and df of RowSums (for a penalty on the residue), or f, "
                "dg and ds of (g, s, label) (for "
                "one on the gate)");
  if constexpr (RowFunction<P>) return check_row_function<P>();
  if constexpr (GateFunction<P>) return check_gate_function<P>();
  return true;
}

namespace penalty {

/// Everything a local loss may be computed from: the residue's rows r, the output y it joins, gate g and logit s of all
/// tokens (an open gate has neither).
template <Scalar S, Backend D> struct Evidence {
  Var<S, D> r, y, g{}, s{};
  Counted<S> counted{};  // for rows of r; all tokens are counted the same way without its index
  S scale = 0;
};

/// What a residue has to know of a penalty beside its function.
struct Traits {
  std::string_view name;
  Counts counts = Counts::original;
  bool none = false, reads_gate = false;
};

template <Penalty P> Traits traits(const P&) { return {P::name, P::counts, std::same_as<P, None>, GateFunction<P>}; }

/// scale * sum over counted tokens of the penalty, recorded.
template <Penalty P, Scalar S, Backend D> Var<S, D> apply(const P& penalty, const Evidence<S, D>& e) {
  if constexpr (GateFunction<P>)
    return gate_penalty(penalty, e.g, e.s, Counted<S>{e.counted.weight, e.counted.label, nullptr}, e.scale);
  else if constexpr (RowFunction<P>)
    return residue_penalty(penalty, e.r, e.y, e.counted, e.scale);
  else
    fail("penalty none has no value; a residue must not ask for it");
}

}  // namespace penalty
}}  // namespace neutra::NEUTRA_ABI
