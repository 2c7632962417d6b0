/// An initialisation as one type, whatever it is: what a residue starts from.
#pragma once

#include "neutra/init/family.hpp"

#include <functional>

namespace neutra { inline namespace NEUTRA_ABI { namespace init {

/// Any initialisation, behind a function.
struct Any {
  template <class I>
  requires(!std::same_as<I, Any>) && Init<I> Any(const I& init)
      : name(I::name),
  options(options_of(init)), variance([init](const Matrix& m) { return init.variance(m); }),
  with([init](const PolicyOptions& chosen) { return Any(with_options(init, chosen)); }) {
    static_assert(check_init<I>());
  }

  std::string_view name;
  PolicyOptions options;
  std::function<double(const Matrix&)> variance;
  /// The same initialisation with some of its options set. Error: as with_options.
  std::function<Any(const PolicyOptions&)> with;
};

}}}  // namespace neutra::NEUTRA_ABI::init
