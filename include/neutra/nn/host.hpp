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

/// Host values for the device: the same memory if it uses the host's, else a copy.
template <Scalar S, Backend D> RowMajor<S, D> to_device(Tensor<S> values) {
  if constexpr (std::derived_from<D, Host>) {
    return values;
  } else {
    Tensor<S, D> tensor(values.shape());
    upload<S, D>(values, tensor);
    return tensor;
  }
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

/// The values of a frozen weight, unpacked or widened if necessary.
template <Scalar S, Backend D> View<const S> on_host(const Frozen<S, D>& weight, std::deque<Tensor<S>>& copies) {
  if constexpr (std::derived_from<D, Host>) {
    if (weight.rows() && weight.rows()->dtype == dtype_of<S>) return weight.value();
    auto& copy = copies.emplace_back(weight.shape());
    weight.read(copy.view());
    return copy.view();
  } else {
    return on_host(weight.copy(), copies);
  }
}
template <Scalar S, Backend D> View<const S> on_host(const Parameter<S, D>& weight, std::deque<Tensor<S>>& copies) {
  return on_host(weight.value, copies);
}

}}}  // namespace neutra::NEUTRA_ABI::nn
