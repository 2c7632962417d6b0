/// Bodies: what a residue computes before its gate.
///
/// A body is a small struct with
///   static constexpr std::string_view name
///   std::vector<Weight> weights(Index d, Index r) const
///       names, shapes and initial values for model width d and adapter width r; each size is constant or linear in r
///   template <Scalar S, Backend D> Var<S, D> forward(Var<S, D> x, std::span<const Var<S, D>> w) const
///       x, result: (N,d)  w: in the order of weights()
/// and optionally
///   static void options(self, visit)      its options by name (core/options.hpp)
///
///     struct Linear {
///       static constexpr std::string_view name = "linear";
///       std::vector<neutra::Weight> weights(Index d, Index r) const {
///         return {{"down_proj", {r, d}}, {"up_proj", {d, r}, 0.0}};
///       }
///       template <Scalar S, Backend D> Var<S, D> forward(Var<S, D> x, std::span<const Var<S, D>> w) const {
///         return linear(linear(x, w[0]), w[1]);
///       }
///     };
///
/// The matrix that produces the output starts at 0.0, so that the model initially equals the backbone. The others are
/// drawn by the initialisation, or start at a constant, such as 1.0. The bodies of the library are listed in
/// body/all.hpp. Used by adapter::Residue.
#pragma once

#include "neutra/autodiff/tape.hpp"
#include "neutra/core/options.hpp"
#include "neutra/core/weight.hpp"

#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

namespace body {
using neutra::Weight;
}

namespace body::detail {
template <class B>
concept Named = requires {
  { B::name } -> std::convertible_to<std::string_view>;
};
template <class B>
concept HasWeights = requires(const B& b) {
  { b.weights(Index{}, Index{}) } -> std::convertible_to<std::vector<Weight>>;
};
template <class B, class S, class D>
concept HasForward = requires(const B& b, Var<S, D> x, std::span<const Var<S, D>> w) {
  { b.forward(x, w) } -> std::same_as<Var<S, D>>;
};
}  // namespace body::detail

template <class B>
concept Body = body::detail::Named<B> && body::detail::HasWeights<B>;

/// Fails to compile with one sentence per missing member of a body.
template <class B> consteval bool check_body() {
  static_assert(body::detail::Named<B>,
                "neutra: this Body has no name; add  static constexpr std::string_view name = \"...\";");
  static_assert(
      body::detail::HasWeights<B>,
      "neutra: this Body does not declare its weights; add  std::vector<neutra::body::Weight> weights(Index d, "
      "Index r) const;");
  return check_options<B>();
}

}}  // namespace neutra::NEUTRA_ABI
