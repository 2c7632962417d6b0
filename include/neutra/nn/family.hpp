/// A model family: the members of a file in families/.
///
///   struct Mine {
///     static constexpr std::string_view name = "mine";             the model_type of its config.json
///     static constexpr const char* architecture = "MineForCausalLM";
///     static void complete(Config&, std::string& faults)           adds default settings; appends "; <fault>" each
///     static WeightList weights(const Config&)                     for a complete Config
///     template <class Reader> static Config read(const Reader&)    all but family, bos and eos; Error: a setting
///                                                                  that is not supported
///     template <class Json> static Json write(const Config&)       the keys that read() reads
///     template <Scalar S, Backend D> class Blocks : public Decoder<S, D>      constructed from a const Config&
///   };
/// Add its name to the list in families.hpp. Reader is io::Reader and Json is io::Json, as template parameters so that
/// a program that reads no files needs no JSON library.
#pragma once

#include "neutra/nn/config.hpp"
#include "neutra/nn/layer.hpp"

#include <cstdint>
#include <span>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// Limits on sizes: above those of any existing model, and so low that no product of sizes in a file overflows.
struct Limits {
  static constexpr Index width = Index{1} << 20;  // of the residual stream, the FFN, a head
  static constexpr Index heads = Index{1} << 12;
  static constexpr Index layers = Index{1} << 16;
  static constexpr Index vocabulary = (Index{1} << 31) - 1;  // tokens are 32-bit integers
  static constexpr Index context = Index{1} << 24;
};

/// The sizes of attention for the tokens of a pass.
inline AttentionSizes attention_sizes(const Config& config, const gate::Context& tokens) {
  return {.sequences = tokens.sequences,
          .length = tokens.length,
          .heads = config.heads,
          .kv_heads = config.kv_heads,
          .width = config.head_width,
          .past = tokens.past};
}

/// What a family computes. Each model owns a decoder, which may cache tables between steps. Its virtual functions are
/// called a few times per layer, at no measurable cost.
template <Scalar S, Backend D> class Decoder {
 public:
  virtual ~Decoder() = default;

  /// The longest text of which the rows of a token stay as they are when tokens follow, so that a past can be kept.
  virtual Index longest_past() const { return Limits::context; }
  /// Embeds sequences behind their past.      tokens: (B*T)  result: (B*T,d)
  virtual Var<S, D> embed(const Weights<S, D>&, std::span<const std::int32_t> tokens, const AttentionSizes&) = 0;
  /// One layer. Recomputation calls it again in the backward pass, where it must make the same values.
  /// x, result: (B*T,d)
  virtual Var<S, D> block(Layer<S, D>&, Var<S, D> x, const AttentionSizes&) = 0;
  /// What the FFN of a layer makes of x, as an adapter at Site::ffn sees both.      x, result: (N,d)
  virtual Var<S, D> ffn(Layer<S, D>&, Var<S, D> x) = 0;
  /// The final norm; its result is the input of the head.      x, result: (B*T,d)
  virtual Var<S, D> normalise(const Weights<S, D>&, Var<S, D> x) = 0;
  /// The weight of the head: logits are normalise(x) head^T.      result: (V,d)
  virtual Var<S, D> head(const Weights<S, D>&) = 0;
  /// c of logits that are capped as c tanh(logit / c); 0: they are not.
  virtual S logit_cap() const { return 0; }
};

}}}  // namespace neutra::NEUTRA_ABI::nn
