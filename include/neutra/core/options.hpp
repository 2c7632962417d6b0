/// Options of a policy by name: read where they are recorded, set where a program is told them.
///
/// A policy with options shows each to a visitor, by name and by reference; one function serves reading and setting:
///
///     struct JumpRelu {
///       float threshold = 0.1f;
///       template <class Self, class Visit> static void options(Self& self, const Visit& visit) {
///         visit("threshold", self.threshold);
///       }
///     };
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/member.hpp"

#include <cmath>
#include <concepts>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>

namespace neutra { inline namespace NEUTRA_ABI {

/// Options by name, such as {{"threshold", 0.2}}.
using PolicyOptions = std::map<std::string, double>;

namespace detail {
NEUTRA_NAMED_MEMBER(SaysOptions, options);

template <class P>
concept HoldsOptions = requires(const P& policy) {
  { policy.options } -> std::same_as<const PolicyOptions&>;
};
struct AnyOption {
  template <class T>
  requires std::is_arithmetic_v<T>
  void operator()(std::string_view, T&) const {}
};
}  // namespace detail

template <class P>
concept HasOptions = requires(P& policy, const P& fixed) {
  P::options(policy, detail::AnyOption{});
  P::options(fixed, detail::AnyOption{});
};

/// One sentence where options would be overlooked.
template <class P> consteval bool check_options() {
  static_assert(!detail::SaysOptions<P> || HasOptions<P> || detail::HoldsOptions<P>,
                "neutra: this policy's options cannot be read and set; write  template <class Self, class Visit> "
                "static void options(Self& self, const Visit& visit) { visit(\"threshold\", self.threshold); }  with "
                "numbers alone");
  return true;
}

/// visit(name, member) for each option of a policy that may be const; nothing where it has none.
template <class P, class Visit> void visit_options(P& policy, const Visit& visit) {
  if constexpr (HasOptions<std::remove_const_t<P>>) std::remove_const_t<P>::options(policy, visit);
}

/// What a policy's options are now. One chosen at run time (an Any) has them as a member.
template <class P> PolicyOptions options_of(const P& policy) {
  if constexpr (detail::HoldsOptions<P>) return policy.options;
  PolicyOptions options;
  visit_options(policy,
                [&](std::string_view name, const auto& value) { options.emplace(name, static_cast<double>(value)); });
  return options;
}

namespace detail {
/// Takes the options that a policy has out of those that are asked for.
struct OptionsToSet {
  std::string_view policy;
  PolicyOptions left;
  std::string known{};

  /// The number asked for under this name; null where none is.
  const double* find(std::string_view name, bool whole) {
    known += concat(known.empty() ? "it has " : ", ", name);
    const auto found = left.find(std::string(name));
    if (found == left.end()) return nullptr;
    const double number = found->second;
    require(std::isfinite(number), policy, ": the option ", name, " must be finite, got ", number);
    require(!whole || (number == std::floor(number) && std::abs(number) < 0x1p53), policy, ": the option ", name,
            " must be a whole number, got ", number);
    taken = number;
    left.erase(found);
    return &taken;
  }
  void finish() const {
    require(left.empty(), policy, " has no option '", left.empty() ? "" : left.begin()->first, "'; ",
            known.empty() ? "it has none" : known);
  }
  double taken = 0;
};
}  // namespace detail

/// The policy with some of its options set. Error: a name it does not have; a number that is not finite, or not whole
/// where the option is.
template <class P> P with_options(P policy, const PolicyOptions& options) {
  detail::OptionsToSet to_set{P::name, options};
  visit_options(policy, [&]<class T>(std::string_view name, T& value) {
    if (const double* number = to_set.find(name, std::integral<T>)) value = static_cast<T>(*number);
  });
  to_set.finish();
  return policy;
}

}}  // namespace neutra::NEUTRA_ABI
