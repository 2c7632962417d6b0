/// The activations of feed-forward blocks, by the names in model files.
#pragma once

#include "neutra/op/gated.hpp"

#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI {
namespace op {

/// gelu(x) = x P(x), P(x) = (1 + erf(x / sqrt(2))) / 2      derivative: P(x) + x exp(-x^2 / 2) / sqrt(2 pi)
/// Hendrycks & Gimpel 2016, arXiv 1606.08415
struct Gelu {
  template <class V> NEUTRA_HD V f(V x) const { return V(0.5) * x * (V(1) + math::erf(x * V(0.7071067811865476))); }
  template <class V> NEUTRA_HD V df(V x, V) const {
    const V below = V(0.5) * (V(1) + math::erf(x * V(0.7071067811865476)));
    return below + x * math::exp(V(-0.5) * x * x) * V(0.3989422804014327);
  }
};

/// x (1 + t) / 2,  t = tanh(u),  u = sqrt(2 / pi) (x + 0.044715 x^3)
/// derivative: (1 + t) / 2 + x (1 - t^2) u' / 2
/// The tanh approximation of Gelu, same source; differs by at most 5e-4.
struct GeluTanh {
  template <class V> NEUTRA_HD V f(V x) const { return V(0.5) * x * (V(1) + inner(x)); }
  template <class V> NEUTRA_HD V df(V x, V) const {
    const V t = inner(x), slope = V(0.7978845608028654) * (V(1) + V(0.134145) * x * x);
    return V(0.5) * (V(1) + t) + V(0.5) * x * (V(1) - t * t) * slope;
  }
  template <class V> NEUTRA_HD static V inner(V x) {
    return math::tanh(V(0.7978845608028654) * (x + V(0.044715) * x * x * x));
  }
};

/// max(0, x)      derivative: 1 if x > 0, else 0
struct Relu {
  template <class V> NEUTRA_HD V f(V x) const { return math::relu(x); }
  template <class V> NEUTRA_HD V df(V x, V) const { return math::select(x > V(0), V(1), V(0)); }
};

}  // namespace op

enum class Activation { gelu, gelu_tanh, relu, silu };

/// The names in Hugging Face transformers (ACT2FN).
inline constexpr std::array<std::pair<std::string_view, Activation>, 7> activation_names = {
    {{"gelu", Activation::gelu},
     {"gelu_new", Activation::gelu_tanh},
     {"gelu_pytorch_tanh", Activation::gelu_tanh},
     {"gelu_fast", Activation::gelu_tanh},
     {"relu", Activation::relu},
     {"silu", Activation::silu},
     {"swish", Activation::silu}}};

/// The activation of this name, or none.
constexpr std::optional<Activation> activation_named(std::string_view name) {
  for (const auto& [known, activation] : activation_names)
    if (known == name) return activation;
  return std::nullopt;
}

/// y = f(x), element by element, f chosen at run time.      x, y: (N,C)
template <Scalar S, Backend D> Var<S, D> activation(Var<S, D> x, Activation f) {
  switch (f) {
    case Activation::gelu:
      return pointwise(x, op::Gelu{});
    case Activation::gelu_tanh:
      return pointwise(x, op::GeluTanh{});
    case Activation::relu:
      return pointwise(x, op::Relu{});
    default:
      return pointwise(x, op::Silu{});
  }
}

/// y = f(a) * b, element by element, f chosen at run time.      a, b, y: (N,R)
template <Scalar S, Backend D> Var<S, D> gated(Var<S, D> a, std::type_identity_t<Var<S, D>> b, Activation f) {
  switch (f) {
    case Activation::gelu:
      return gated(a, b, op::Gelu{});
    case Activation::gelu_tanh:
      return gated(a, b, op::GeluTanh{});
    case Activation::relu:
      return gated(a, b, op::Relu{});
    default:
      return gated(a, b);
  }
}

}}  // namespace neutra::NEUTRA_ABI
