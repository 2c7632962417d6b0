/// Gates: how much of a token's residue passes.
///
/// A gate is a small struct with
///   static constexpr std::string_view name      unique, lower case; programs choose by it
///   template <class V> V f(V s) const           the gate's value g at logit s
///   template <class V> V df(V s, V g) const     the slope dg/ds, where g = f(s) is given
/// and, where it holds,
///   static constexpr bool exact_zero = true     g == 0 means that the token's body may be skipped
///   Index hidden                                the logit is learned: W_h (hidden, d), then w_b (1, hidden); a member
///   of this name makes it so template <class Visit> void options(const Visit& visit) const { visit("threshold",
///   threshold); }
///                                               its options by name, saved with an adapter and compared when one is
///                                               loaded
/// written with neutra::math, so that one text serves scalar, SIMD batch and CUDA thread:
///
///     struct Saturating {                                   // g = r / (1 + r), r = max(0, s)
///       static constexpr std::string_view name = "saturating";
///       static constexpr bool exact_zero = true;
///       template <class V> NEUTRA_HD V f (V s)      const { V r = math::relu(s); return r / (V(1) + r); }
///       template <class V> NEUTRA_HD V df(V s, V g) const { return math::select(s > V(0), (V(1) - g) * (V(1) - g),
///       V(0)); }
///     };
///     using Mine = neutra::adapter::Residue<Saturating>;
///
/// The logit is w_b . x, one number per token (block gate, as in the paper); the wrappers PerChannel and TwoLayer
/// change that. Options are members. Ours are listed in gate/all.hpp. Consumer: adapter::Residue.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/math.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/core/strict.hpp"

#include <map>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI {

namespace gate::detail {
template <class G>
concept Named = requires {
  { G::name } -> std::convertible_to<std::string_view>;
};
template <class G>
concept HasValue = requires(const G& g, float s) {
  { g.f(s) } -> std::same_as<float>;
};
template <class G>
concept HasSlope = requires(const G& g, float s) {
  { g.df(s, s) } -> std::same_as<float>;
};
}  // namespace gate::detail

template <class G>
concept Gate = gate::detail::Named<G> && gate::detail::HasValue<G> && gate::detail::HasSlope<G> && Pointwise<G>;

/// One sentence for each thing a gate lacks.
template <class G> consteval bool check_gate() {
  static_assert(gate::detail::Named<G>,
                "neutra: this Gate has no name; add  static constexpr std::string_view name = \"...\";");
  static_assert(gate::detail::HasValue<G>, "neutra: this Gate has no value; add  template <class V> V f(V s) const;");
  static_assert(gate::detail::HasSlope<G>,
                "neutra: this Gate has no derivative; add  template <class V> V df(V s, V g) const;");
  static_assert(std::copyable<G>,
                "neutra: this Gate cannot be copied; keep only plain values in it, kernels take it by value");
  if constexpr (Gate<G>) return check_pointwise<G>();
  return true;
}

namespace gate {

/// What a residue has to know of a gate beside its function.
struct Traits {
  std::string_view name;
  bool open = false;                        // the value is 1 for every token: no gate, no weights
  bool exact_zero = false;                  // a token with g == 0 may be skipped
  bool per_channel = false;                 // one gate per output channel instead of one per token
  Index hidden = 0;                         // > 0: width of the hidden layer of a learned logit
  std::map<std::string, double> options{};  // by name; what is saved beside an adapter's weights
};

namespace detail {
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
template <class G>
concept HasHidden = requires(const G& g) {
  g.hidden;
};
template <class G>
concept HasOptions = requires(const G& g) {
  g.options([](std::string_view, double) {});
};
}  // namespace detail

/// A gate that a wrapper may take: one that is neither a wrapper itself, whose part would be lost, nor open.
template <class G>
inline constexpr bool plain = !detail::IsPerChannel<G> && !detail::HasHidden<G> && !detail::IsOpen<G>;

/// Whether skipping is compiled in for this gate at all.
template <class G> inline constexpr bool may_skip = detail::IsExactZero<G> && !detail::IsPerChannel<G>;

template <Gate G> Traits traits(const G& gate) {
  Traits traits{.name = G::name,
                .open = detail::IsOpen<G>,
                .exact_zero = detail::IsExactZero<G>,
                .per_channel = detail::IsPerChannel<G>};
  if constexpr (detail::HasHidden<G>) {
    require(gate.hidden > 0, "gate ", G::name, ": the hidden layer of its logit must have a width of at least 1, got ",
            gate.hidden);
    traits.hidden = gate.hidden;
  }
  if constexpr (detail::HasOptions<G>)
    gate.options([&](std::string_view name, double value) { traits.options.emplace(name, value); });
  return traits;
}

/// What a wrapper hands on of the gate it wraps.
template <class G, class Visit> void options_of(const G& gate, const Visit& visit) {
  if constexpr (detail::HasOptions<G>) gate.options(visit);
}

}  // namespace gate
}}  // namespace neutra::NEUTRA_ABI
