/// The gradient norm.
#pragma once

#include "neutra/autodiff/parameter.hpp"

#include <cmath>
#include <span>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace optim {

/// Error: a parameter that is not held, but got no gradient in this step and so is not part of the loss; the message
/// names it.
template <Scalar S, Backend D> void require_gradients(std::span<Parameter<S, D>* const> parameters) {
  for (const auto* parameter : parameters)
    require(parameter->has_gradient || parameter->held, "optimizer: ", parameter->name,
            " got no gradient in this step; it is not part of the loss, or backward was not called");
}

/// squares[b] = sum of x^2 over block b of 4096 elements
template <Scalar S> struct BlockSquares {
  static constexpr Index block = 4096;
  const S* x;
  Index size;
  S* squares;

  template <class Row> NEUTRA_HD void operator()(Row row, Index b) const {
    const Index first = b * block, count = size - first < block ? size - first : block;
    const S total = row.sum(count, [&](auto c) { return c.load(x + first) * c.load(x + first); });
    row.once([&] { squares[b] = total; });
  }
};

/// The square root of the sum of all squared gradient elements, without those of held parameters. Block sums are added
/// in a fixed order in double. Error: as require_gradients.
template <Scalar S, Backend D> class GradientNorm {
 public:
  explicit GradientNorm(std::span<Parameter<S, D>* const> parameters) {
    Index all = 0;
    for (const auto* parameter : parameters) all += blocks(parameter->gradient.size());
    device_ = Tensor<S, D>({all});
    host_.resize(static_cast<std::size_t>(all));
  }

  double operator()(std::span<Parameter<S, D>* const> parameters);

 private:
  static Index blocks(Index size) { return (size + BlockSquares<S>::block - 1) / BlockSquares<S>::block; }
  Tensor<S, D> device_;
  std::vector<S> host_;
  std::vector<RowsOf<BlockSquares<S>>> loops_;  // of one call
};

template <Scalar S, Backend D> double GradientNorm<S, D>::operator()(std::span<Parameter<S, D>* const> parameters) {
  require_gradients<S, D>(parameters);
  Index wanted = 0;
  for (const auto* parameter : parameters) wanted += blocks(parameter->gradient.size());
  require(wanted <= device_.size(), "gradient norm: made for ", device_.size(), " blocks of elements, got ", wanted,
          "; make it with these parameters");
  S* squares = device_.data();
  loops_.clear();
  for (const auto* parameter : parameters) {
    if (parameter->held) continue;
    const Index size = parameter->gradient.size(), count = blocks(size);
    loops_.push_back({count, {parameter->gradient.data(), size, squares}});
    squares += count;
  }
  D::template rows_of_each<S>(loops_, BlockSquares<S>::block);
  const std::span<S> all = std::span<S>(host_).first(static_cast<std::size_t>(squares - device_.data()));
  D::template download<S>(device_.data(), all);  // one for all parameters, since each waits for the device
  double total = 0;
  for (const S square : all) total += static_cast<double>(square);
  return std::sqrt(total);
}

}}}  // namespace neutra::NEUTRA_ABI::optim
