/// Type lists, by which tests, benchmarks and programs iterate over a policy family.
#pragma once

#include "neutra/core/config.hpp"

#include <cstddef>

namespace neutra { inline namespace NEUTRA_ABI {

template <class... T> struct Types { static constexpr std::size_t size = sizeof...(T); };

namespace detail {
template <class A, class B> struct Joined;
template <class... A, class... B> struct Joined<Types<A...>, Types<B...>> { using type = Types<A..., B...>; };
}  // namespace detail

/// The concatenation of two lists.
template <class A, class B> using Joined = typename detail::Joined<A, B>::type;

/// Calls f.template operator()<T>() for each T of the list:   for_each_type(gate::All{}, [&]<class G>() { ... });
template <class... T, class F> constexpr void for_each_type(Types<T...>, F&& f) { (f.template operator()<T>(), ...); }

}}  // namespace neutra::NEUTRA_ABI
