/// The language-model loss, fused with the head so that the logits of a batch never exist at once.
#pragma once

#include "neutra/core/math.hpp"
#include "neutra/op/linear.hpp"
#include "neutra/op/pointwise.hpp"

namespace neutra::inline NEUTRA_ABI {
namespace op {

/// loss[n] = log(sum exp(logits[n])) - logits[n, target[n]]; where a gradient is wanted the logits turn into scale (softmax - onehot), in place.
/// logits: (M,V)   loss: (M)
template <Scalar S> struct SoftmaxLoss {
  View<S> logits;
  const std::int32_t* targets;
  S* loss;
  S scale;
  bool gradient;

  template <class Row> void operator()(Row row, Index n) const {
    S* x = logits.row(n);
    const Index cols = logits.cols(), target = targets[n];
    const S top = row.max(cols, [&](auto c) { return c.load(x); });
    const S total = row.sum(cols, [&](auto c) { return math::exp(c.load(x) - top); });
    row.once([&] { loss[n] = std::log(total) - (x[target] - top); });
    if (!gradient) return;
    const S factor = scale / total;
    row.each(cols, [&](auto c) { c.store(x, math::exp(c.load(x) - top) * factor); });
    row.once([&] { x[target] -= scale; });
  }
};

}  // namespace op

/// scale * sum over n of -log softmax(x[n] W^T)[target[n]]
/// x: (N,C)  W: (V,C)  targets: (N), on the host  result: one number      saves: dx, and dW where W trains
/// Works through chunks of 256 rows; the gradients of a chunk are taken while its logits are there, and scaled in the backward pass.
template <Scalar S, Backend D>
Var<S, D> cross_entropy(Var<S, D> x, Var<S, D> w, std::span<const std::int32_t> targets, std::type_identity_t<S> scale) {
  constexpr Index chunk = 256;  // rows: enough to reuse a packed head, few enough that logits of 32000 words stay under 32 MiB
  const Index rows = x.shape().rows(), cols = x.shape().cols(), vocabulary = w.shape().rows();
  require(static_cast<Index>(targets.size()) == rows, "cross_entropy: one target per row is needed, got ", targets.size(), " for ", rows, " rows");
  require(w.shape().rank() == 2 && w.shape().cols() == cols, "cross_entropy: W must be (V,C) with C = ", cols, ", got ", w.shape());
  for (Index n = 0; n < rows; ++n)
    require(targets[static_cast<std::size_t>(n)] >= 0 && targets[static_cast<std::size_t>(n)] < vocabulary, "cross_entropy: target ",
            targets[static_cast<std::size_t>(n)], " at position ", n, " is outside the vocabulary of ", vocabulary);
  auto& tape = x.tape();
  const auto loss = tape.make({});
  const bool gradient = tape.wanted({x, w});
  const View<S> logits(tape.template memory<S>(std::min(chunk, rows) * vocabulary), {std::min(chunk, rows), vocabulary});
  S* values = tape.template memory<S>(rows);
  auto* wanted = tape.template memory<std::int32_t>(rows);  // the targets, where the device can read them
  D::template upload<std::int32_t>(targets, wanted);
  const View<S> dx(x.needs_gradient() ? tape.template memory<S>(rows * cols) : nullptr, {rows, cols});
  const View<S> dw(w.needs_gradient() ? tape.template memory<S>(vocabulary * cols) : nullptr, {vocabulary, cols});
  for (Index first = 0; first < rows || first == 0; first += chunk) {  // once for no rows too: dW has to be written
    const Index count = std::min(chunk, rows - first);
    const View<const S> part = x.value().slice(first, count);
    const View<S> scores = logits.slice(0, count);
    op::Linear<S, D>::product(part, w, true, {scores});
    D::template rows<S>(count, 2 * op::transcendental_cost * vocabulary, op::SoftmaxLoss<S>{scores, wanted + first, values + first, scale, gradient});
    if (dx.data) op::Linear<S, D>::product(scores, w, false, {dx.slice(first, count)});
    if (dw.data) op::Linear<S, D>::weight_gradient(scores, part, tape.bf16_products, {dw, first > 0});
  }
  D::template sum<S>(View<const S>(values, Shape{rows}), scale, {tape.out(loss)});
  tape.record(loss, {x, w}, {}, [=](Tape<S, D>& t) {
    const S upstream = D::template read<S>(t.gradient(loss).data);
    if (dx.data) op::Accumulate<S, D>::run(dx, t.into(x), upstream);
    if (dw.data) op::Accumulate<S, D>::run(dw, t.into(w), upstream);
  });
  return loss;
}

}  // namespace neutra::inline NEUTRA_ABI
