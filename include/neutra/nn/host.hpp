/// Copying weights between host and device, for files.
#pragma once

#include "neutra/autodiff/frozen.hpp"
#include "neutra/autodiff/parameter.hpp"

#include <concepts>
#include <deque>
#include <span>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// Copies host values into a device tensor of the same shape.
template <Scalar S, Backend D> void upload(const Tensor<S>& values, Tensor<S, D>& into) {
  D::template upload<S>(std::span<const S>(values.data(), static_cast<std::size_t>(values.size())), into.data());
}

/// A device copy of host values.
template <Scalar S, Backend D> Tensor<S, D> to_device(const Tensor<S>& values) {
  Tensor<S, D> tensor(values.shape());
  upload<S, D>(values, tensor);
  return tensor;
}

/// The values in host memory: in place if the device uses host memory, else a copy that `copies` owns.
template <Scalar S, Backend D> View<const S> on_host(const Tensor<S, D>& values, std::deque<Tensor<S>>& copies) {
  if constexpr (std::derived_from<D, Host>) {
    return values.view();
  } else {
    auto& copy = copies.emplace_back(values.shape());
    D::template download<S>(values.data(), std::span<S>(copy.data(), static_cast<std::size_t>(copy.size())));
    return copy.view();
  }
}

/// The values of a frozen weight, unpacked if necessary.
template <Scalar S, Backend D> View<const S> on_host(const Frozen<S, D>& weight, std::deque<Tensor<S>>& copies) {
  if (const Tensor<S, D>* rows = weight.rows()) return on_host(*rows, copies);
  const Tensor<S, D> again = weight.copy();
  auto& copy = copies.emplace_back(again.shape());
  D::template download<S>(again.data(), std::span<S>(copy.data(), static_cast<std::size_t>(copy.size())));
  return copy.view();
}
template <Scalar S, Backend D> View<const S> on_host(const Parameter<S, D>& weight, std::deque<Tensor<S>>& copies) {
  return on_host(weight.value, copies);
}

}}}  // namespace neutra::NEUTRA_ABI::nn
