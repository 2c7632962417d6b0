// Local losses of the rows of a residue and of a gate, over counted tokens.
#pragma once

#include "neutra/op/penalty.hpp"

#include "tests/cases/check.hpp"

#include <memory>
#include <numeric>

namespace cases {

/// A function of all four sums: sum|r|/d + (sum r^2)/d + sqrt(1 + sum r^2) / sqrt(1 + sum y^2)
struct RowPenalty {
  template <class S> NEUTRA_HD S f(const RowSums<S>& z) const {
    return (z.absolute + z.square) / z.channels + math::sqrt(S(1) + z.square) / math::sqrt(S(1) + z.joined);
  }
  template <class S> NEUTRA_HD RowSlopes<S> df(const RowSums<S>& z) const {
    return {S(1) / z.channels, S(1) / z.channels + S(0.5) / math::sqrt((S(1) + z.square) * (S(1) + z.joined))};
  }
};

/// |g| + the cross-entropy of sigmoid(s) and the label
struct LogitPenalty {
  template <class V> NEUTRA_HD V f(V g, V s, V label) const { return math::abs(g) + math::softplus(s) - label * s; }
  template <class V> NEUTRA_HD V dg(V g, V, V) const { return math::sign(g); }
  template <class V> NEUTRA_HD V ds(V, V s, V label) const { return math::sigmoid(s) - label; }
};

/// Weights and labels of tokens; if `sparse`, row i of the residue belongs to token 2 i + 1.
template <Scalar S, class D> struct Tokens {
  Tensor<S, D> weight, label;
  Tensor<std::int32_t, D> index;
  Tokens(Index rows, bool sparse) {
    std::vector<S> weights, labels;
    std::vector<std::int32_t> places;
    for (Index n = 0; n < (sparse ? 2 * rows + 1 : rows); ++n) {
      weights.push_back(n % 4 == 3 ? S(0) : S(1));
      labels.push_back(n % 3 == 1 ? S(1) : S(0));
    }
    for (Index i = 0; sparse && i < rows; ++i) places.push_back(static_cast<std::int32_t>(2 * i + 1));
    upload(weights, weight);
    upload(labels, label);
    upload(places, index);
  }
  template <class T> static void upload(const std::vector<T>& from, Tensor<T, D>& to) {
    to = Tensor<T, D>({static_cast<Index>(from.size())});
    D::template upload<T>(from, to.data());
  }
  Counted<S> counted() const { return {weight.data(), label.data(), index.empty() ? nullptr : index.data()}; }
};

struct ResiduePenalty {
  static constexpr std::string_view name = "residue_penalty";
  static constexpr std::size_t trained = 1;  // y is a constant
  static constexpr double tolerance = 64;
  Index rows, cols;
  bool sparse = false;
  double scale = 1;
  mutable std::shared_ptr<void> held = {};  // the weights of the last run, which must outlive the step

  static std::vector<ResiduePenalty> all() {
    return {{0, 3}, {1, 1}, {5, 7, false, 0.25}, {5, 7, true}, {4, 16, true}, {9, 65}};
  }
  Index tokens() const { return sparse ? 2 * rows + 1 : rows; }
  std::string label() const { return concat(rows, "x", cols, sparse ? " sparse" : ""); }
  template <Scalar S, class D> auto inputs() const {
    return list(numbers<S, D>({rows, cols}, "r"), numbers<S, D>({tokens(), cols}, "y"));
  }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    auto made = std::make_shared<Tokens<S, D>>(rows, sparse);
    held = made;
    return residue_penalty(RowPenalty{}, v[0], v[1], made->counted(), static_cast<S>(scale));
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& in) const {
    const Tokens<double, Cpu> t(rows, sparse);
    double loss = 0;
    for (Index i = 0; i < rows; ++i) {
      const Index n = sparse ? 2 * i + 1 : i;
      double absolute = 0, square = 0, joined = 0;
      for (Index c = 0; c < cols; ++c) {
        const double r = in[0].data()[i * cols + c], y = in[1].data()[n * cols + c];
        absolute += std::abs(r);
        square += r * r;
        joined += y * y;
      }
      loss += t.weight.data()[n] *
              ((absolute + square) / static_cast<double>(cols) + std::sqrt((1 + square) / (1 + joined)));
    }
    return {scale * loss};
  }
  double flops() const { return 6.0 * static_cast<double>(rows * cols); }
  double bytes(std::size_t size) const { return 2.0 * static_cast<double>(rows * cols) * static_cast<double>(size); }
};

struct GatePenalty {
  static constexpr std::string_view name = "gate_penalty";
  static constexpr std::size_t trained = 2;
  static constexpr double tolerance = 64;
  Index rows, channels;
  double scale = 1;
  mutable std::shared_ptr<void> held = {};

  static std::vector<GatePenalty> all() { return {{0, 3}, {1, 1}, {5, 1, 0.25}, {5, 7}, {4, 16}, {9, 33}}; }
  std::string label() const { return concat(rows, "x", channels); }
  template <Scalar S, class D> auto inputs() const {
    return list(numbers<S, D>({rows, channels}, "g"), numbers<S, D>({rows, channels}, "s", 3));
  }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    auto made = std::make_shared<Tokens<S, D>>(rows, false);
    held = made;
    return gate_penalty(LogitPenalty{}, v[0], v[1], made->counted(), static_cast<S>(scale));
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& in) const {
    const Tokens<double, Cpu> t(rows, false);
    double loss = 0;
    for (Index i = 0; i < rows * channels; ++i) {
      const auto n = static_cast<std::size_t>(i / channels);
      const double s = in[1].data()[i];
      loss += t.weight.data()[n] / static_cast<double>(channels) *
              (std::abs(in[0].data()[i]) + std::log(1 + std::exp(s)) - t.label.data()[n] * s);
    }
    return {scale * loss};
  }
  double flops() const { return 16.0 * static_cast<double>(rows * channels); }
  double bytes(std::size_t size) const {
    return 2.0 * static_cast<double>(rows * channels) * static_cast<double>(size);
  }
};

}  // namespace cases
