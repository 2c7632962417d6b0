/// Numbers of a test on their way to a device and back: its memory may be out of reach for the host.
#pragma once

#include "neutra/core/tensor.hpp"

#include <span>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace testing {

/// A copy in the memory of D, in the type S.
template <class S, class D, class T> Tensor<S, D> on_device(const Tensor<T, Host>& numbers) {
  const std::vector<S> converted(numbers.data(), numbers.data() + numbers.size());
  Tensor<S, D> there(numbers.shape());
  D::template upload<S>(converted, there.data());
  return there;
}

/// A copy of contiguous rows, in host memory.
template <class D, class S> std::vector<S> from_device(View<const S> numbers) {
  std::vector<S> here(static_cast<std::size_t>(numbers.size()));
  if (!here.empty()) D::template download<S>(numbers.data, here);
  return here;
}
template <class S, class D> std::vector<S> from_device(const Tensor<S, D>& numbers) {
  return from_device<D>(numbers.view());
}

}}}  // namespace neutra::NEUTRA_ABI::testing
