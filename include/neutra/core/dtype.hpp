/// Storage dtypes known only at run time.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/core/types.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

/// How elements are stored, or what they are rounded to before they are multiplied. To add a type: its struct in
/// scalar.hpp, a member here, an entry in the tables below, and a kernel that multiplies it.
enum class DType : std::uint8_t { f32, f64, bf16 };

namespace detail {
/// The types, in the order of DType.
using DTypes = Types<float, double, bf16>;
inline constexpr std::array<std::string_view, DTypes::size> dtype_names = {"float", "double", "bf16"};

template <class T, class... All> constexpr DType place_of(Types<All...>) {
  constexpr bool same[] = {std::same_as<T, All>...};
  return static_cast<DType>(std::find(same, same + sizeof...(All), true) - same);
}

/// The types that elements of S may be stored as: S itself first, then those that S is rounded to.
template <Scalar S> struct StoredAs { using type = Types<S>; };
template <> struct StoredAs<float> { using type = Types<float, bf16>; };

template <class T, class... All> consteval bool is_one_of(Types<All...>) { return (std::same_as<T, All> || ...); }
}  // namespace detail

/// The DType of a storage type.
template <class T>
requires(detail::is_one_of<T>(detail::DTypes{})) inline constexpr DType dtype_of =
    detail::place_of<T>(detail::DTypes{});

/// "float", "double", "bf16"
constexpr std::string_view to_string(DType type) { return detail::dtype_names[static_cast<std::size_t>(type)]; }

/// The type of that name. Error: there is none.
inline DType dtype_named(std::string_view name) {
  const auto found = std::find(detail::dtype_names.begin(), detail::dtype_names.end(), name);
  require(found != detail::dtype_names.end(), "dtype: there is no type '", name, "'; write float, double or bf16");
  return static_cast<DType>(found - detail::dtype_names.begin());
}

/// Whether elements of S may be stored as T, const or not.
template <class T, class S>
concept StorageOf = detail::is_one_of<std::remove_const_t<T>>(typename detail::StoredAs<S>::type{});

namespace detail {
template <class T, class... Rest, class F> auto visit_dtype(Types<T, Rest...>, DType stored, const F& f) {
  if constexpr (sizeof...(Rest) > 0) {
    if (stored != dtype_of<T>) return visit_dtype(Types<Rest...>{}, stored, f);
  }
  return f.template operator()<T>();
}
}  // namespace detail

/// Whether elements of S may be stored, or multiplied, as `type`.
template <Scalar S> constexpr bool stores(DType type) {
  return []<class... T>(DType wanted, Types<T...>) { return ((wanted == dtype_of<T>) || ...); }(
             type, typename detail::StoredAs<S>::type{});
}

/// The names of the types that elements of S may be stored, or multiplied, as; S first.
template <Scalar S> std::vector<std::string> storage_names() {
  return []<class... T>(Types<T...>) {
    return std::vector{std::string(to_string(dtype_of<T>))...};
  }(typename detail::StoredAs<S>::type{});
}

/// Calls f.template operator()<T>() with the type T that `stored` names, one of those that S may be stored as.
template <Scalar S, class F> auto with_dtype(DType stored, const F& f) {
  NEUTRA_ASSERT(stores<S>(stored));
  return detail::visit_dtype(typename detail::StoredAs<S>::type{}, stored, f);
}

/// Bytes per element.
constexpr std::size_t size_of(DType type) {
  constexpr auto sizes = []<class... T>(Types<T...>) { return std::array{sizeof(T)...}; }(detail::DTypes{});
  return sizes[static_cast<std::size_t>(type)];
}

}}  // namespace neutra::NEUTRA_ABI
