// y = x W^T + addend
#pragma once

#include "neutra/op/linear.hpp"

#include "tests/cases/check.hpp"

namespace cases {

enum class Addend { none, rows, bias };

template <Addend addend> struct Linear {
  static constexpr std::string_view name = "linear";
  static constexpr std::size_t trained = addend == Addend::none ? 2 : 3;
  static constexpr double tolerance = 64;
  Index rows, in, out;

  static std::vector<Linear> all() {
    return {{0, 3, 2}, {3, 0, 4},   {4, 3, 0},    {1, 1, 1},
            {5, 7, 9}, {7, 16, 33}, {17, 33, 31}, {19, 1100, 35}};  // 1100: more than one block of K
  }
  std::string label() const {
    return concat(rows, "x", in, "->", out, addend == Addend::none ? "" : addend == Addend::rows ? " addend" : " bias");
  }
  template <Scalar S, class D> auto inputs() const {
    auto all = list(numbers<S, D>({rows, in}, "x"), numbers<S, D>({out, in}, "w"));
    if (addend == Addend::rows) all.push_back(numbers<S, D>({rows, out}, "addend"));
    if (addend == Addend::bias) all.push_back(numbers<S, D>({out}, "bias"));
    return all;
  }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    if constexpr (addend != Addend::none)
      return linear(v[0], v[1], v[2]);
    else
      return linear(v[0], v[1]);
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& given) const {
    Tensor<double> y({rows, out});
    op::Linear<double, Cpu>::reference(
        given[0], given[1], addend == Addend::none ? View<const double>() : View<const double>(given.back()), y);
    return as_doubles(View<const double>(y));
  }
  double flops() const { return 2.0 * static_cast<double>(rows * in * out); }
  double bytes(std::size_t size) const {
    return static_cast<double>(rows * in + in * out + rows * out * (addend == Addend::rows ? 2 : 1)) *
           static_cast<double>(size);
  }
};

}  // namespace cases
