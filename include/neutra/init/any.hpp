/// A type-erased initialisation, chosen at run time.
#pragma once

#include "neutra/core/held.hpp"
#include "neutra/init/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace init {

/// A type-erased initialisation.
class Any {
 public:
  template <class I>
  requires(!std::same_as<I, Any>) && Init<I> Any(const I& init)
      : name(I::name),
  options(options_of(init)), held_(init),
  variance_([](const Held& held, const Matrix& m) -> double { return held.as<I>().variance(m); }),
  with_([](const Held& held, const PolicyOptions& chosen) { return Any(with_options(held.as<I>(), chosen)); }) {
    static_assert(check_init<I>());
  }

  std::string_view name;
  PolicyOptions options;

  double variance(const Matrix& m) const { return variance_(held_, m); }
  /// A copy of the initialisation with some options changed. Error: as with_options.
  Any with(const PolicyOptions& chosen) const { return with_(held_, chosen); }

 private:
  Held held_;
  double (*variance_)(const Held&, const Matrix&);
  Any (*with_)(const Held&, const PolicyOptions&);
};

}}}  // namespace neutra::NEUTRA_ABI::init
