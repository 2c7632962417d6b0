// Every functor of the ops, the optimizer and the policies as device code: the kernels of every forward and backward
// pass are compiled.
#include "neutra/adapter/any.hpp"
#include "neutra/adapter/input_squares.hpp"
#include "neutra/adapter/lora.hpp"
#include "neutra/adapter/mean_directions.hpp"
#include "neutra/adapter/residue.hpp"
#include "neutra/adapter/router_losses.hpp"
#include "neutra/backend/cuda/cuda.hpp"
#include "neutra/body/all.hpp"
#include "neutra/body/any.hpp"
#include "neutra/gate/all.hpp"
#include "neutra/gate/any.hpp"
#include "neutra/gate/causal_mean.hpp"
#include "neutra/op/all.hpp"
#include "neutra/optim/adamw.hpp"
#include "neutra/optim/anchor.hpp"
#include "neutra/optim/frozen_columns.hpp"
#include "neutra/penalty/all.hpp"
#include "neutra/penalty/any.hpp"

using namespace neutra;

namespace {

/// y = a x + b, with a and b trained
struct Affine {
  template <class V> NEUTRA_HD V f(V x, Parameters<V, 2> p) const { return p[0] * x + p[1]; }
  template <class V> NEUTRA_HD V df(V, V, Parameters<V, 2> p) const { return p[0]; }
  template <class V> NEUTRA_HD Parameters<V, 2> dp(V x, V, Parameters<V, 2>) const { return {x, V(1)}; }
};

/// A gate with a trainable parameter.
struct Warm {
  static constexpr std::string_view name = "warm";
  std::vector<Weight> weights(Index) const { return {{"temperature", {1}, 1.0}}; }
  template <class V> NEUTRA_HD V f(V s, Parameters<V, 1> p) const { return math::relu(s * p[0]); }
  template <class V> NEUTRA_HD V df(V s, V, Parameters<V, 1> p) const { return math::select(s > V(0), p[0], V(0)); }
  template <class V> NEUTRA_HD Parameters<V, 1> dp(V s, V, Parameters<V, 1>) const { return {math::relu(s)}; }
};

template <Scalar S> void ops(Var<S, Cuda> x, Var<S, Cuda> w, const std::vector<std::int32_t>& tokens) {
  activation(x, Activation::gelu);
  add(x, w);
  attention(x, x, x, AttentionSizes{1, 1, 1, 1, 1});
  causal_mean(x, 1);
  columns(x, 0, 1);
  cross_entropy(x, w, tokens, 1);
  embedding(w, tokens);
  gated(x, x);
  magnitude_factors(x, w, x, x, x.value(), 1);
  kl_divergence(x, x, static_cast<const S*>(nullptr), 1);
  layer_norm(x, w, w);
  linear(x, w, w);
  pointwise(x, op::Silu{});
  pointwise_trained(x, Affine{}, std::span<const Var<S, Cuda>>{});
  rms_norm(x, w);
  rope(x, RopeTable<S, Cuda>(1, 2, 1e4), 1);
  scale_columns(x, w);
  scale_rows(x, x);
  softmax(x);
  top_softmax(x, 1);
  adapter::balance_loss(x, x, penalty::Share<S>{});
  adapter::prior_loss(x, penalty::Share<S>{});
  row_sum(x);
  row_mean(x);
  sum(x);
  const RowSet set = open_rows(x);
  gather_rows(x, set);
  scatter_add(x, x, set);
  residue_penalty(penalty::L1{}, x, x, Counted<S>{}, 1);
  gate_penalty(penalty::GateL1{}, x, x, Counted<S>{}, 1);
}

/// The backend's own kernels that no op above needs.
template <Scalar S> void weights(Operand<S> a, Result<S> c, View<const S> w) {
  const Cuda::Packed<S> packed(a);
  const Cuda::Quantised<S> quantised(w, Quantisation("int8"));
  packed.unpack(c.view.template as<S>());
  quantised.unpack(c.view.template as<S>());
  Cuda::product<S>(a, packed, c);
  Cuda::product<S>(a, quantised, true, c);
}

template <Scalar S, class... Policies> void gates(Types<Policies...>) {
  (static_cast<void>(gate::Any<S, Cuda>(Policies{})), ...);
}
template <Scalar S, class... Policies> void bodies(Types<Policies...>) {
  (static_cast<void>(body::Any<S, Cuda>(Policies{})), ...);
}
template <Scalar S, class... Policies> void penalties(Types<Policies...>) {
  (static_cast<void>(penalty::Any<S, Cuda>(Policies{})), ...);
}

template <Scalar S> void all() {
  ops<S>({}, {}, {});
  weights<S>({}, {}, {});
  gates<S>(gate::All{});
  gates<S>(Types<gate::PerChannel<gate::Relu>, gate::TwoLayer<gate::Relu>, gate::CausalMean<gate::Relu>, Warm>{});
  bodies<S>(body::All{});
  penalties<S>(penalty::All{});
}

}  // namespace

void compile_functors() {
  all<float>();
  all<double>();
}

template class optim::AdamW<float, Cuda>;
template class optim::AdamW<double, Cuda>;
template class optim::Anchor<float, Cuda>;
template class optim::FrozenColumns<float, Cuda>;
template class adapter::InputSquares<float, Cuda>::Instance<float, Cuda>;
template class adapter::MeanDirections<float, Cuda>::Instance<float, Cuda>;
template class adapter::Probe<float, Cuda>;
template class adapter::ResidueInstance<float, Cuda>;
template class adapter::Lora::Instance<float, Cuda>;
