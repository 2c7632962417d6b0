/// The Fisher information of the weights of a model.
#pragma once

#include "neutra/train/calibration.hpp"

#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// sum += scale * gradient^2      sum, gradient: (N,C)
template <Scalar S> struct AddSquares {
  View<const S> gradient;
  View<S> sum;
  S scale;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const S* g = gradient.row(n);
    S* to = sum.row(n);
    row.each(sum.cols(), [&](auto c) { c.store(to, c.load(to) + c.load(g) * c.load(g) * scale); });
  }
};

/// The diagonal of the empirical Fisher information per token of a text, for each trained parameter of a model, in
/// their order:
///     F = 1 / (N T) * sum over N sequences of (d/dw of the sum over their T tokens of log p(token | those before))^2
/// Tokens that are not scored add nothing. "Empirical": the tokens are those of the text, not samples of the model. To
/// second order, 1/2 sum F (w - w0)^2 is then the rise of the loss on that text, in nats per token. Sequences are added
/// in order, so that the bits are those of any number of threads.      Kirkpatrick et al. 2017, arXiv 1612.00796
template <class A, Scalar S, Backend D>
std::vector<Tensor<S, D>> fisher_diagonal(nn::Transformer<A, S, D>& model, const Calibration& text) {
  const auto parameters = model.parameters();
  std::vector<Tensor<S, D>> fisher;
  for (const auto* parameter : parameters) fisher.emplace_back(parameter->value.shape());
  // The loss is a mean over T tokens: (T g)^2 / (N T) = T / N g^2.
  const auto scale = static_cast<S>(text.length()) / static_cast<S>(text.count());
  const auto discard_gradients = [&] {
    for (auto* parameter : parameters) parameter->has_gradient = false;
  };
  Tape<S, D> tape;
  text.for_each([&](const nn::Tokens& tokens) {
    discard_gradients();
    tape.start();
    tape.backward(model.loss(tape, tokens, {tokens.length, tokens.length}).lm);
    for (std::size_t i = 0; i < fisher.size(); ++i) {
      if (!parameters[i]->has_gradient) continue;
      const View<S> sum = fisher[i].view();
      D::template rows<S>(sum.rows(), 2 * sum.cols(), AddSquares<S>{parameters[i]->gradient.view(), sum, scale});
    }
  });
  discard_gradients();
  return fisher;
}

}}}  // namespace neutra::NEUTRA_ABI::train
