/// The weighted sum of two penalties.
#pragma once

#include "neutra/core/name.hpp"
#include "neutra/penalty/activations.hpp"

#include <string>

namespace neutra { inline namespace NEUTRA_ABI { namespace penalty {

/// first_weight first + second_weight second, each over the tokens that it counts; sums may be nested.
/// Their options are named first_NAME and second_NAME, their weights penalty.first.NAME and penalty.second.NAME.
template <class A, class B> struct Sum {
  static_assert(check_penalty<A>() && check_penalty<B>());
  static_assert(!std::same_as<A, None> && !std::same_as<B, None>,
                "neutra: a sum takes two penalties other than penalty::None; use the other penalty alone");
  struct Joint {
    static constexpr std::string_view name = "_and_";
  };
  static constexpr std::string_view name = joined_name<A, Joint, B>;
  static constexpr Counts counts = A::counts == B::counts ? A::counts : Counts::both;
  static constexpr bool reads_gate = penalty::reads_gate<A>() || penalty::reads_gate<B>();

  A first{};
  B second{};
  double first_weight = 1, second_weight = 1;

  template <class Self, class Visit> static void options(Self& self, const Visit& visit) {
    visit("first_weight", self.first_weight);
    visit("second_weight", self.second_weight);
    visit_options(self.first, [&](std::string_view of, auto& value) { visit(concat("first_", of), value); });
    visit_options(self.second, [&](std::string_view of, auto& value) { visit(concat("second_", of), value); });
  }
  std::vector<Weight> weights(Index d) const {
    std::vector<Weight> all = prefixed("first.", own_weights(first, d));
    for (Weight& weight : prefixed("second.", own_weights(second, d))) all.push_back(std::move(weight));
    return all;
  }
  template <Scalar S, Backend D> Var<S, D> loss(const Activations<S, D>& e, std::span<const Var<S, D>> w) const {
    std::size_t split = detail::HasWeights<A> ? w.size() : 0;
    if constexpr (detail::HasWeights<A> && detail::HasWeights<B>) split = first.weights(e.y.shape().cols()).size();
    const auto one = penalty::loss(first, e.times(static_cast<S>(first_weight)), w.first(split));
    const auto other = penalty::loss(second, e.times(static_cast<S>(second_weight)), w.subspan(split));
    return add(one, other);
  }
};

}}}  // namespace neutra::NEUTRA_ABI::penalty
