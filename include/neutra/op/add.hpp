/// Elementwise sum.
#pragma once

#include "neutra/op/accumulate.hpp"

namespace neutra { inline namespace NEUTRA_ABI {
namespace op {

/// z = x + scale y      x, y, z: (N,C)      saves: nothing
template <Scalar S> struct Add {
  View<const S> x, y;
  View<S> z;
  S scale;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    row.each(z.cols(), [&](auto c) { c.store(z.row(n), c.load(x.row(n)) + c.load(y.row(n)) * scale); });
  }
};

}  // namespace op

/// z = x + scale y, element by element; shapes must be equal.
template <Scalar S, Backend D>
Var<S, D> add(Var<S, D> x, std::type_identity_t<Var<S, D>> y, std::type_identity_t<S> scale = S(1)) {
  require(x.shape() == y.shape(), "add: shapes must be equal, got ", x.shape(), " and ", y.shape());
  auto& tape = x.tape();
  const auto z = tape.make(x.shape(), tape.capacity(x));
  D::template rows<S>(x.shape().rows(), x.shape().cols(), op::Add<S>{x.value(), y.value(), tape.out(z), scale});
  tape.record(z, {x, y}, {}, [=](Tape<S, D>& t) {
    op::Accumulate<S, D>::run(t.gradient(z), t.into(y), scale);
    op::Accumulate<S, D>::pass_on(t, z, x);
  });
  return z;
}

}}  // namespace neutra::NEUTRA_ABI
