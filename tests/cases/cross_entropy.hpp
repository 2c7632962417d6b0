// scale * sum over n of -log softmax(x[n] W^T)[target[n]]
#pragma once

#include "neutra/op/cross_entropy.hpp"

#include "tests/cases/check.hpp"

namespace cases {

/// HeadTrains: W is trained like x; otherwise it is constant.
template <bool HeadTrains> struct CrossEntropy {
  static constexpr std::string_view name = "cross_entropy";
  static constexpr std::size_t trained = HeadTrains ? 2 : 1;
  static constexpr double tolerance = 256;
  Index rows, cols, vocabulary;
  double scale = 1;                        // of the loss
  double size = 1;                         // of x
  double cap = 0;                          // of the logits
  Index unscored = 0;                      // every so many rows one is not scored; 0: none
  std::vector<std::int32_t> targets = {};  // set by all(); they outlive the step

  /// Rows around the chunk size of 256; logits of some hundreds.
  static std::vector<CrossEntropy> all() {
    std::vector<CrossEntropy> all{{0, 3, 5},
                                  {1, 1, 1},
                                  {1, 5, 2},
                                  {5, 7, 33, 0.2},
                                  {255, 2, 3, 0.01},
                                  {256, 1, 3, 0.01},
                                  {257, 2, 3, 0.01},
                                  {513, 1, 3, 0.01},
                                  {3, 5, 21, 1, 30},
                                  {5, 7, 33, 0.2, 1, 1.5},
                                  {257, 2, 3, 0.01, 1, 1},
                                  {3, 5, 21, 1, 30, 20},
                                  {5, 7, 33, 0.2, 1, 1.5, 2},
                                  {3, 7, 33, 0.2, 1, 0, 1},
                                  {257, 2, 3, 0.01, 1, 0, 3}};
    if constexpr (!HeadTrains)  // three chunks of the vocabulary
      for (const Index unscored : {0, 2})
        for (const double cap : {0.0, 2.0}) all.push_back({5, 7, 2500, 0.2, 1, cap, unscored});
    for (CrossEntropy& c : all)
      for (Index n = 0; n < c.rows; ++n)
        c.targets.push_back(
            c.unscored > 0 && n % c.unscored == 0 ? not_scored : static_cast<std::int32_t>((n * 7 + 3) % c.vocabulary));
    return all;
  }
  /// Central differences need a softmax that is not a step function.
  bool smooth() const { return size <= 10; }
  std::string label() const {
    return concat(rows, "x", cols, " vocabulary ", vocabulary, HeadTrains ? " trained" : " constant", " head, cap ",
                  cap, ", unscored ", unscored);
  }
  template <Scalar S, class D> auto inputs() const {
    return list(numbers<S, D>({rows, cols}, "x", size), numbers<S, D>({vocabulary, cols}, "w"));
  }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    return cross_entropy(v[0], v[1], std::span<const std::int32_t>(targets), static_cast<S>(scale),
                         static_cast<S>(cap));
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& in) const {
    double loss = 0;
    for (Index n = 0; n < rows; ++n) {
      if (targets[static_cast<std::size_t>(n)] == not_scored) continue;
      std::vector<double> logits(static_cast<std::size_t>(vocabulary));
      for (Index v = 0; v < vocabulary; ++v)
        for (Index c = 0; c < cols; ++c)
          logits[static_cast<std::size_t>(v)] += in[0].data()[n * cols + c] * in[1].data()[v * cols + c];
      for (double& logit : logits) logit = cap > 0 ? cap * std::tanh(logit / cap) : logit;
      const double own = logits[static_cast<std::size_t>(targets[static_cast<std::size_t>(n)])];
      double others = 0;  // p = 1 / (1 + sum over the other tokens of exp(logit - logit of the target))
      for (const double logit : logits) others += std::exp(logit - own);
      loss += std::log(others);
    }
    return {scale * loss};
  }
  double flops() const { return static_cast<double>(rows * vocabulary) * (2.0 * static_cast<double>(cols) + 16); }
  double bytes(std::size_t number) const {
    return static_cast<double>(rows * cols + vocabulary * cols + rows * vocabulary) * static_cast<double>(number);
  }
};

}  // namespace cases
