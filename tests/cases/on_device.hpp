// The check of every op on a device whose memory the host cannot touch: values and gradients against a reference's.
#pragma once

#include "tests/cases/check.hpp"

namespace cases {

/// Values and gradients of float and double on D are those of the reference in double, up to the tolerance of the case.
/// again(f): calls f under another order of threads; the bits must stay the same.
template <Backend D, Backend Reference, class Case, class Again> void check_on_device(const Again& again) {
  constexpr double fine = Case::tolerance * std::numeric_limits<double>::epsilon(),
                   coarse = Case::tolerance * std::numeric_limits<float>::epsilon();
  for (const Case& c : Case::all()) {
    INFO(Case::name << " " << c.label());
    const Outcome cpu = evaluate<double, Reference>(c), exact = evaluate<double, D>(c), rounded = evaluate<float, D>(c);
    check_equal(exact, cpu, fine);
    check_equal(rounded, cpu, coarse);
    again([&] {
      CHECK(evaluate<double, D>(c) == exact);
      CHECK(evaluate<float, D>(c) == rounded);
    });
  }
}

}  // namespace cases
