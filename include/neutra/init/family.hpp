/// Initialisations: the initial variance of the trainable matrices of an adapter. The output matrix of a body starts at
/// zero in all of them.
///
/// An initialisation is a small struct with
///   static constexpr std::string_view name
///   double variance(const init::Matrix&) const      positive and finite; a function of the sizes and the role
/// and optionally
///   static void options(self, visit)                its options by name (core/options.hpp)
///
///     struct Tiny {
///       static constexpr std::string_view name = "tiny";
///       double variance(const neutra::init::Matrix& m) const { return 1e-4 / double(m.inputs); }
///     };
///
/// Values are normal, drawn on the host from (seed, parameter name, element), so that they do not depend on the device.
/// The initialisations of the library are listed in init/all.hpp.
#pragma once

#include "neutra/core/options.hpp"
#include "neutra/core/scalar.hpp"

#include <concepts>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI {

namespace init {
/// What an initialisation may read of a matrix.
struct Matrix {
  Index inputs, outputs;  // columns and rows
  Index width, layers;    // of the model: d and L
  bool gate = false;      // whether it gives the logits of a gate
};
}  // namespace init

namespace init::detail {
template <class I>
concept Named = requires {
  { I::name } -> std::convertible_to<std::string_view>;
};
template <class I>
concept HasVariance = requires(const I& i, Matrix m) {
  { i.variance(m) } -> std::convertible_to<double>;
};
}  // namespace init::detail

template <class I>
concept Init = init::detail::Named<I> && init::detail::HasVariance<I>;

/// Fails to compile with one sentence per missing member of an initialisation.
template <class I> consteval bool check_init() {
  static_assert(init::detail::Named<I>,
                "neutra: this Init has no name; add  static constexpr std::string_view name = \"...\";");
  static_assert(init::detail::HasVariance<I>,
                "neutra: this Init has no variance; add  double variance(const neutra::init::Matrix&) const;");
  return check_options<I>();
}

}}  // namespace neutra::NEUTRA_ABI
