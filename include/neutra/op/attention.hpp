/// Causal attention with grouped key/value heads.
/// Vaswani et al. 2017, arXiv 1706.03762; Ainslie et al. 2023, arXiv 2305.13245
#pragma once

#include "neutra/autodiff/tape.hpp"

#include <cmath>
#include <limits>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

/// For each sequence and query head h: softmax(q k^T / sqrt(W), causal) v, with k and v of key/value head h / (H/K).
/// A window limits how many tokens back a token reads, a score scale replaces 1 / sqrt(W), and a cap bounds the scores
/// (see AttentionSizes).
/// Behind a past (Tape::past) queries read its keys and values too: z.past tokens.
/// q, result: (B*T, H*W)   k, v: (B*T, K*W)      saves: q, k, v, lse (B,H,T), the log-sum-exp of each row of scores
/// The result and all gradients have the storage dtype of q, k and v; sums over tokens and heads are accumulated in S
/// and rounded once.
template <Scalar S, Backend D>
Var<S, D> attention(Var<S, D> q, std::type_identity_t<Var<S, D>> k, std::type_identity_t<Var<S, D>> v,
                    const AttentionSizes& z) {
  require(z.heads > 0 && z.kv_heads > 0 && z.heads % z.kv_heads == 0,
          "attention: query heads must be a multiple of key/value heads, got ", z.heads, " and ", z.kv_heads);
  require(z.window >= 0, "attention: the window must be zero (none) or more, got ", z.window);
  require(z.cap >= 0 && std::isfinite(z.cap), "attention: the cap must be zero (none) or more, got ", z.cap);
  const Shape queries{z.sequences * z.length, z.heads * z.width}, keys{z.sequences * z.length, z.kv_heads * z.width};
  require(q.shape() == queries, "attention: q must be (B*T,H*W) = ", queries, ", got ", q.shape());
  require(k.shape() == keys && v.shape() == keys, "attention: k and v must be (B*T,K*W) = ", keys, ", got ", k.shape(),
          " and ", v.shape());
  require(k.dtype() == q.dtype() && v.dtype() == q.dtype(), "attention: q, k and v must have one storage dtype, got ",
          q.dtype(), ", ", k.dtype(), " and ", v.dtype(), "; pass the same DType to the ops that make them");
  auto& tape = q.tape();
  require(z.past == (tape.past() ? tape.past()->length() : 0) && (z.past == 0 || z.sequences == 1),
          "attention: ", z.past, " tokens before the queries of ", z.sequences,
          " sequences must be those of the tape's past, which is of one sequence");
  const DType precision = q.dtype() == dtype_of<S> ? tape.precision() : q.dtype();
  const auto y = tape.make(queries, 0, q.dtype());
  S* lse = tape.template memory<S>(z.sequences * z.heads * z.length);
  const auto whole = [&](Var<S, D> x) -> Operand<S> {
    const Operand<S> now = tape.operand(x, precision);
    return tape.past() ? Operand<S>(tape.past()->append(now.view), precision) : now;
  };
  const Operand<S> all_keys = whole(k), all_values = whole(v);
  D::template attention_forward<S>(z, tape.operand(q, precision), all_keys, all_values, tape.result(y), lse);
  tape.record(y, {q, k, v}, {q, k, v}, [=](Tape<S, D>& t) {
    // In the order in which the backend writes them: q, k and v may be one value, whose later gradients then add.
    const auto dv = t.gradient_result(v), dk = t.gradient_result(k), dq = t.gradient_result(q);
    D::template attention_backward<S>(z, t.operand(q, precision), t.operand(k, precision), t.operand(v, precision),
                                      t.gradient_operand(y, precision), lse, dq, dk, dv);
  });
  return y;
}

namespace op {

/// The reference, one score at a time.
template <Scalar S>
void attention_reference(View<const S> q, View<const S> k, View<const S> v, View<S> y, const AttentionSizes& z) {
  std::vector<S> p(static_cast<std::size_t>(z.keys()));
  for (Index b = 0; b < z.sequences; ++b)
    for (Index h = 0; h < z.heads; ++h)
      for (Index i = 0; i < z.length; ++i) {
        const Index kv = h / (z.heads / z.kv_heads) * z.width;
        S top = -std::numeric_limits<S>::infinity(), total = 0;
        for (Index j = z.first_key(i); j < z.end_key(i); ++j) {
          S score = 0;
          for (Index c = 0; c < z.width; ++c)
            score += q(b * z.length + i, h * z.width + c) * k(b * z.keys() + j, kv + c);
          score *= z.template scale<S>();
          const S cap = static_cast<S>(z.cap);
          p[static_cast<std::size_t>(j)] = cap > 0 ? cap * std::tanh(score / cap) : score;
          top = std::max(top, p[static_cast<std::size_t>(j)]);
        }
        for (Index j = z.first_key(i); j < z.end_key(i); ++j)
          total += p[static_cast<std::size_t>(j)] = std::exp(p[static_cast<std::size_t>(j)] - top);
        for (Index c = 0; c < z.width; ++c) {
          S sum = 0;
          for (Index j = z.first_key(i); j < z.end_key(i); ++j)
            sum += p[static_cast<std::size_t>(j)] / total * v(b * z.keys() + j, kv + c);
          y(b * z.length + i, h * z.width + c) = sum;
        }
      }
}

}  // namespace op
}}  // namespace neutra::NEUTRA_ABI
