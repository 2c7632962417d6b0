/// Rotary position embedding, half-split form.      Su et al. 2021, arXiv 2104.09864
#pragma once

#include "neutra/autodiff/tape.hpp"

#include <cmath>

namespace neutra { inline namespace NEUTRA_ABI {

/// theta^(-2p/R) for the pairs p = 0 .. R/2-1.      R: the elements of a head that are rotated
/// Error: an odd R; a theta that is not positive.
inline std::vector<double> rope_frequencies(Index rotated, double theta) {
  require(rotated > 0 && rotated % 2 == 0, "rope: the head width must be even, got ", rotated);
  require(theta > 0 && std::isfinite(theta), "rope: theta must be positive, got ", theta);
  std::vector<double> frequencies(static_cast<std::size_t>(rotated / 2));
  for (Index p = 0; p < rotated / 2; ++p)
    frequencies[static_cast<std::size_t>(p)] =
        std::pow(theta, -2.0 * static_cast<double>(p) / static_cast<double>(rotated));
  return frequencies;
}

/// factor times cosine and sine of t f_p for positions t and pairs p = 0 .. R/2-1, the first R elements of a head of
/// width W; the others are not rotated.
/// cosine, sine: (T, R/2)
template <Scalar S, Backend D> struct RopeTable {
  Tensor<S, D> cosine, sine;
  Index width;
  Life life{};

  /// All pairs of a head by theta. `first`: the position of row 0. Error: an odd width.
  RopeTable(Index length, Index head_width, double theta, Index first = 0)
      : RopeTable(length, head_width, rope_frequencies(head_width, theta), 1, first) {}
  /// Error: more than W/2 frequencies.
  RopeTable(Index length, Index head_width, const std::vector<double>& frequencies, double factor, Index first = 0)
      : cosine({length, static_cast<Index>(frequencies.size())}), sine(cosine.shape()), width(head_width) {
    const Index pairs = cosine.shape().cols();
    require(2 * pairs <= width, "rope: at most ", width / 2, " frequencies fit a head of width ", width, ", got ",
            pairs);
    std::vector<S> c(static_cast<std::size_t>(cosine.size())), s(c.size());
    for (Index t = 0; t < length; ++t)
      for (Index p = 0; p < pairs; ++p) {
        const double angle = static_cast<double>(first + t) * frequencies[static_cast<std::size_t>(p)];
        c[static_cast<std::size_t>(t * pairs + p)] = static_cast<S>(factor * std::cos(angle));
        s[static_cast<std::size_t>(t * pairs + p)] = static_cast<S>(factor * std::sin(angle));
      }
    D::template upload<S>(std::span<const S>(c), cosine.data());
    D::template upload<S>(std::span<const S>(s), sine.data());
  }
};

namespace op {

/// Rotates the elements p and p + R/2 of each head:  (u, v) -> (u cos - v sin, v cos + u sin); copies those after R.
/// Row n has position n mod T.
/// x, y: (B*T, H*W), stored as From and To      saves: nothing; the gradient is rotated the other way (turn = -1)
template <Scalar S, class From, class To> struct Rope {
  View<const From> x;
  View<const S> cosine, sine;
  Into<To> y;
  Index length, width;
  S turn;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const S *cos_n = cosine.row(n % length), *sin_n = sine.row(n % length);
    const Index half = cosine.cols(), others = width - 2 * half;
    for (Index head = 0; head < x.cols(); head += width) {
      const From *u = x.row(n) + head, *v = u + half;
      Into<To> yu = y, yv = y;
      yu.view.data += head;
      yv.view.data += head + half;
      row.each(half, [&](auto c) {
        const auto co = c.load(cos_n), si = c.load(sin_n) * turn, a = c.load(u), b = c.load(v);
        c.write(yu, n, a * co - b * si);
        c.write(yv, n, b * co + a * si);
      });
      if (others == 0) continue;
      const From* rest = v + half;
      Into<To> yr = yv;
      yr.view.data += half;
      row.each(others, [&](auto c) { c.write(yr, n, c.load(rest)); });
    }
  }
};

}  // namespace op

/// Rotates every head of x (B*T, H*W) by its position: row n has position past + n mod T, T = `length`.
/// The table must outlive the step. stored: the storage dtype of the result (see Tape::make).
template <Scalar S, Backend D>
Var<S, D> rope(Var<S, D> x, const std::type_identity_t<RopeTable<S, D>>& table, Index length,
               DType stored = dtype_of<S>, Index past = 0) {
  const Index width = table.width, rows = x.shape().rows();
  require(x.shape().cols() % width == 0, "rope: the width of x must be a multiple of the head width ", width, ", got ",
          x.shape());
  const Index most = table.cosine.shape().rows() - past;
  require(length > 0 && past >= 0 && length <= most && rows % length == 0,
          "rope: rows must be whole sequences of at most ", most, " positions, got ", rows, " rows for length ",
          length);
  auto& tape = x.tape();
  const auto y = tape.make(x.shape(), 0, stored);
  const auto from_past = [past, length](const Tensor<S, D>& all) {
    return View<const S>(all.view().row(past), {length, all.shape().cols()});
  };
  const View<const S> cosine = from_past(table.cosine), sine = from_past(table.sine);
  const auto there = tape.watch(table.life);
  with_dtype<S>(stored, [&]<class T>() {
    D::template rows<S>(rows, x.shape().cols(),
                        op::Rope<S, S, T>{x.value(), cosine, sine, {tape.template out<T>(y)}, length, width, S(1)});
    tape.record(y, {x}, {}, [=](Tape<S, D>& t) {
      t.require_alive(there);
      D::template rows<S>(rows, x.shape().cols(),
                          op::Rope<S, T, S>{t.template gradient<T>(y), cosine, sine, t.into(x), length, width, S(-1)});
    });
  });
  return y;
}

}}  // namespace neutra::NEUTRA_ABI
