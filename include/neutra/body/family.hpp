/// Bodies: what a residue computes before its gate.
///
/// A body is a small struct with
///   static constexpr std::string_view name
///   std::vector<body::Weight> weights(Index d, Index r) const
///       names and shapes for model width d and adapter width r; sizes must grow linearly in r
///   template <Scalar S, Backend D> Var<S, D> forward(Var<S, D> x, std::span<const Var<S, D>> w) const
///       x (N,d) to (N,d), w in the order of weights()
///
///     struct Linear {
///       static constexpr std::string_view name = "linear";
///       std::vector<neutra::body::Weight> weights(Index d, Index r) const { return {{"down_proj", {r, d}}, {"up_proj",
///       {d, r}, true}}; } template <Scalar S, Backend D> Var<S, D> forward(Var<S, D> x, std::span<const Var<S, D>> w)
///       const { return linear(linear(x, w[0]), w[1]); }
///     };
///
/// The matrix marked `zero` starts at zero, so that the model starts exactly as the backbone. Ours are listed in
/// body/all.hpp. Consumer: adapter::Residue.
#pragma once

#include "neutra/autodiff/tape.hpp"

#include <span>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

namespace body {
/// A matrix (outputs, inputs) of a body.
struct Weight {
  std::string_view name;
  Shape shape;
  bool zero = false;  // starts at zero instead of by the initialisation
};
}  // namespace body

namespace body::detail {
template <class B>
concept Named = requires {
  { B::name } -> std::convertible_to<std::string_view>;
};
template <class B>
concept HasWeights = requires(const B& b) {
  { b.weights(Index{}, Index{}) } -> std::convertible_to<std::vector<Weight>>;
};
}  // namespace body::detail

template <class B>
concept Body = body::detail::Named<B> && body::detail::HasWeights<B>;

/// One sentence for each thing a body lacks.
template <class B> consteval bool check_body() {
  static_assert(body::detail::Named<B>,
                "neutra: this Body has no name; add  static constexpr std::string_view name = \"...\";");
  static_assert(body::detail::HasWeights<B>,
                "neutra: this Body does not say its weights; add  std::vector<neutra::body::Weight> weights(Index d, "
                "Index r) const;");
  return true;
}

}}  // namespace neutra::NEUTRA_ABI
