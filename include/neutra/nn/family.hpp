/// A model family: what one file of families/ must say.
///
///   struct Mine {
///     static constexpr std::string_view name = "mine";             the model_type of its config.json
///     static constexpr const char* architecture = "MineForCausalLM";
///     static void complete(Config&, std::string& faults)           fills its own settings; appends "; what is wrong"
///     static WeightList weights(const Config&)                     of a complete Config
///     template <class Reader> static Config read(const Reader&)    all but family, bos and eos; refuses, by name, what
///                                                                  would compute something else
///     template <class Json> static Json write(const Config&)       the keys that read() reads
///     template <Scalar S, Backend D> class Blocks : public Decoder<S, D>      made from a const Config&
///   };
/// Its name is then added to the list in families.hpp. Reader is io::Reader, Json io::Json: a program that reads no
/// files includes families without a JSON library.
#pragma once

#include "neutra/nn/config.hpp"
#include "neutra/nn/layer.hpp"

#include <cstdint>
#include <span>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// Sizes above those of any model there is; below them no product of sizes overflows, whatever a file says.
struct Limits {
  static constexpr Index width = Index{1} << 20;  // of the residual stream, the FFN, a head
  static constexpr Index heads = Index{1} << 12;
  static constexpr Index layers = Index{1} << 16;
  static constexpr Index vocabulary = (Index{1} << 31) - 1;  // tokens are 32-bit integers
  static constexpr Index context = Index{1} << 24;
};

/// What a family computes. A model has one, which may keep tables from step to step; it is called a few times a layer,
/// so that the family can be chosen at run time at no cost.
template <Scalar S, Backend D> class Decoder {
 public:
  virtual ~Decoder() = default;

  /// Whole sequences of `length` tokens enter the residual stream.      tokens: (B*T)  result: (B*T,d)
  virtual Var<S, D> enter(const Weights<S, D>&, std::span<const std::int32_t> tokens, Index length) = 0;
  /// One layer. Called again on the way back where layers are recomputed: it must make the same values.
  /// x, result: (B*T,d)
  virtual Var<S, D> block(Layer<S, D>&, Var<S, D> x, const AttentionSizes&) = 0;
  /// What the head multiplies.      x, result: (B*T,d)
  virtual Var<S, D> leave(const Weights<S, D>&, Var<S, D> x) = 0;
  /// The matrix of the head: logits are leave(x) head^T.      (V,d)
  virtual Var<S, D> head(const Weights<S, D>&) = 0;
};

}}}  // namespace neutra::NEUTRA_ABI::nn
