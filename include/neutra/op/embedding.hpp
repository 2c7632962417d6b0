/// Embedding: the rows of a table selected by token.
#pragma once

#include "neutra/autodiff/tape.hpp"

namespace neutra { inline namespace NEUTRA_ABI {
namespace op {

/// y[n] = table[tokens[n]]      table: (V,C), of S or of a type T that S is rounded to  tokens: (N)  y: (N,C)
/// saves: tokens
template <Scalar S, class T = S> struct Embedding {
  View<const T> table;
  const std::int32_t* tokens;
  View<S> y;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const T* from = table.row(tokens[n]);
    row.each(y.cols(), [&](auto c) { c.store(y.row(n), c.load(from)); });
  }
};

}  // namespace op

/// The rows of `table` for `tokens`, which are in host memory. Error: a token outside the table, with its position.
/// table: (V,C)  tokens: (N)  result: (N,C)
template <Scalar S, Backend D> Var<S, D> embedding(Var<S, D> table, std::span<const std::int32_t> tokens) {
  const Index vocabulary = table.shape().rows(), cols = table.shape().cols(), count = static_cast<Index>(tokens.size());
  for (Index n = 0; n < count; ++n) {
    const Index token = tokens[static_cast<std::size_t>(n)];
    require(token >= 0 && token < vocabulary, "embedding: token ", token, " at position ", n,
            " is outside the vocabulary of ", vocabulary, "; use the tokenizer that belongs to this model");
  }
  auto& tape = table.tape();
  const auto y = tape.make({count, cols});
  auto* chosen = tape.template memory<std::int32_t>(count);  // the tokens in device memory
  D::template upload<std::int32_t>(tokens, chosen);
  with_dtype<S>(table.dtype(), [&]<class T>() {
    D::template rows<S>(count, cols, op::Embedding<S, T>{table.template value<T>(), chosen, tape.out(y)});
  });
  // dtable[v] = sum of dy[n] over the n with tokens[n] = v
  tape.record(y, {table}, {}, [=](Tape<S, D>& t) { D::template add_rows<S>(t.gradient(y), chosen, t.into(table)); });
  return y;
}

}}  // namespace neutra::NEUTRA_ABI
