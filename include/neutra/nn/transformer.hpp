/// A Llama-style decoder with an adapter.      Touvron et al. 2023, arXiv 2302.13971
#pragma once

#include "neutra/adapter/none.hpp"
#include "neutra/autodiff/recompute.hpp"
#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/nn/attention_block.hpp"
#include "neutra/nn/ffn_block.hpp"
#include "neutra/op/cross_entropy.hpp"
#include "neutra/op/embedding.hpp"
#include "neutra/op/rms_norm.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// B sequences of T tokens: what the model reads and, for a loss, what it should say. The memory is the caller's.
struct Tokens {
  Index sequences = 0, length = 0;
  std::span<const std::int32_t> inputs;        // (B*T)
  std::span<const std::int32_t> targets = {};  // (B*T), empty where no loss is asked for
  std::span<const std::uint8_t> domains = {};  // (B), 0 original, 1 target; empty where unknown
};

/// Tokens of the whole optimizer step, micro-batches included: what its losses are divided by.
struct StepCounts {
  Index predicted = 0;  // all tokens of the step
  Index original = 0;   // tokens of its original-domain sequences; the others are of the target domain
  Index target() const { return predicted - original; }
};

/// The language-model loss and the local loss of a batch; `local` is empty where there is none.
template <Scalar S, Backend D> struct Losses {
  Var<S, D> lm;
  std::optional<Var<S, D>> local;

  /// lm + alpha * local
  Var<S, D> total(S alpha) const { return local ? add(lm, *local, alpha) : lm; }
};

/// The model: a shared frozen backbone and an adapter of its own. After thaw() the backbone's weights train too, as a
/// copy of this model's own.
template <class A = adapter::None, Scalar S = float, Backend D = Cpu> class Transformer {
  static_assert(adapter::check_adapter<A, S, D>());

 public:
  using Instance = typename A::template Instance<S, D>;

  Transformer(std::shared_ptr<const Backbone<S, D>> backbone, const A& adapter = A{}, std::uint64_t seed = 0)
      : backbone_(std::move(backbone)), adapter_(adapter, backbone_->config().sizes(), seed) {}
  /// A backbone of another scalar or device is refused.
  template <class Other>
  requires(!std::convertible_to<Other*, const Backbone<S, D>*>)
      Transformer(const std::shared_ptr<Other>&, const A& adapter = A{}, std::uint64_t seed = 0)
      : Transformer(std::shared_ptr<const Backbone<S, D>>(), adapter, seed) {
    static_assert(std::same_as<Other, void>,
                  "neutra: a model and its backbone must be of one scalar and one device; write "
                  "nn::Transformer<Adapter, double> for a backbone of "
                  "double, or make the backbone in float");
  }

  const Config& config() const { return backbone_->config(); }
  const std::shared_ptr<const Backbone<S, D>>& backbone() const { return backbone_; }
  Instance& adapter() { return adapter_; }

  /// Makes every weight of the backbone trainable, starting from the frozen values: finetuning and pretraining.
  void thaw() {
    if (!thawed_.empty()) return;
    for (const auto& weight : backbone_->weights()) thawed_.emplace_back(weight.name, weight.copy());
  }
  bool thawed() const { return !thawed_.empty(); }
  /// The thawed weights in the backbone's order; none before thaw().
  const std::deque<Parameter<S, D>>& thawed_weights() const { return thawed_; }

  /// All that trains: the thawed backbone, then the adapter.
  std::vector<Parameter<S, D>*> parameters() {
    std::vector<Parameter<S, D>*> all;
    for (auto& parameter : thawed_) all.push_back(&parameter);
    const auto more = adapter_.parameters();
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  /// Whether a training step keeps only what passes from layer to layer and computes the rest once more on its way
  /// back: the same bits, a third to a half of the tape's memory, and another forward pass. The model must stay where
  /// it is until backward() has ended.
  bool recompute_layers = false;

  /// Whether products round what they multiply to bf16: those with weights and those of attention, forward and back.
  /// What lies between two products and is read by no adapter is then kept as bf16: gated units, queries, keys, values
  /// and attention's result, and their gradients. The residual stream, gate logits, the weights that train, their
  /// gradients and the optimizer's moments stay float.
  bool bf16_products = false;

  /// Hidden states after the final norm, (B*T, d).
  Var<S, D> hidden(const Tokens& tokens, Pass<S, D>& pass) {
    const Index rows = tokens.sequences * tokens.length;
    const typename Tape<S, D>::Products precision(pass.tape, bf16_products);
    require(rows == static_cast<Index>(tokens.inputs.size()), "transformer: inputs must hold B*T = ", rows,
            " tokens, got ", tokens.inputs.size());
    require(!pass.probe || pass.probe->layers() == config().layers, "transformer: the probe was made for ",
            pass.probe ? pass.probe->layers() : 0, " layers, the model has ", config().layers,
            "; make it with model.config().layers");
    require(tokens.length <= config().context, "transformer: sequences may have at most ", config().context,
            " tokens (the model's context), got ", tokens.length);
    pass.tape.begin_pass(this);
    pass.tokens = {tokens.sequences, tokens.length};
    const AttentionSizes sizes{tokens.sequences, tokens.length, config().heads, config().kv_heads, config().head_width};
    const RopeTable<S, D>& rope = rope_for(tokens.length);
    auto x = embedding(weights_in_use().on(pass.tape, Slot::embedding, 0), tokens.inputs);  // (N,d)
    for (Index index = 0; index < config().layers; ++index) {
      typename Tape<S, D>::Scope scope(pass.tape, x);
      const auto run = [this, pass, sizes, &rope, index](Var<S, D> in) { return layer(in, pass, sizes, rope, index); };
      const Made<S, D> made =
          recompute_layers && !pass.probe ? recompute(x, run) : run(x);  // a probe must see each layer once
      x = scope.keep(made.y);
      if (made.loss) pass.add_local(*made.loss);
    }
    return rms_norm(x, weights_in_use().on(pass.tape, Slot::final_norm, 0), norm_epsilon());
  }

  /// Mean cross-entropy over the step's tokens (this batch's part of it), in nats, and the local loss, normalised by
  /// layers and counted tokens of the step.
  Losses<S, D> loss(Tape<S, D>& tape, const Tokens& tokens, const StepCounts& counts,
                    adapter::Probe<S, D>* probe = nullptr) {
    require(counts.predicted > 0, "transformer: the step must predict at least one token");
    Pass<S, D> pass{.tape = tape, .probe = probe};
    mark_domains(tokens, counts, pass);
    const typename Tape<S, D>::Products precision(tape, bf16_products);
    const auto h = hidden(tokens, pass);
    const auto lm = cross_entropy(h, head(tape), tokens.targets, S(1) / static_cast<S>(counts.predicted));
    return {lm, pass.local};
  }

  /// Scores of the next token after every position, (B*T, V).
  Var<S, D> logits(Tape<S, D>& tape, const Tokens& tokens) {
    const typename Tape<S, D>::Products precision(tape, bf16_products);
    Pass<S, D> pass{.tape = tape};
    return linear(hidden(tokens, pass), head(tape));
  }

  /// Scores of what follows one sequence, (1, V): logits() of its last position alone.
  Var<S, D> next_logits(Tape<S, D>& tape, std::span<const std::int32_t> sequence) {
    const typename Tape<S, D>::Products precision(tape, bf16_products);
    Pass<S, D> pass{.tape = tape};
    const auto length = static_cast<Index>(sequence.size());
    const View<const S> h = hidden({1, length, sequence}, pass).value();
    return linear(tape.input(View<const S>(h.row(length - 1), {1, h.cols()})), head(tape));
  }

 private:
  S norm_epsilon() const { return static_cast<S>(config().norm_epsilon); }

  /// One layer, (N,d) to (N,d), and the local loss of its residues.
  Made<S, D> layer(Var<S, D> x, Pass<S, D> pass, const AttentionSizes& sizes, const RopeTable<S, D>& rope,
                   Index index) {
    const Weights<S, D> weights = weights_in_use();
    pass.local.reset();
    const typename Tape<S, D>::Products precision(pass.tape,
                                                  bf16_products);  // also when it runs once more on the way back
    typename Tape<S, D>::Scope scope(pass.tape);
    pass.tape.watch(life_);  // backward() may call this once more
    Layer<Instance, S, D> here{weights, adapter_, index, pass};
    const auto h = attended(here, x, rope, sizes);
    return {scope.keep(ffn_block(here, h, rms_norm(h, here.weight(Slot::ffn_norm), norm_epsilon()))), pass.local};
  }

  /// x + attention, with what it computed on the way already given back.
  Var<S, D> attended(Layer<Instance, S, D>& here, Var<S, D> x, const RopeTable<S, D>& rope,
                     const AttentionSizes& sizes) {
    typename Tape<S, D>::Scope scope(here.pass.tape);
    return scope.keep(
        attention_block(here, x, rms_norm(x, here.weight(Slot::attention_norm), norm_epsilon()), rope, sizes));
  }

  Weights<S, D> weights_in_use() { return {*backbone_, thawed_.empty() ? nullptr : &thawed_}; }
  Var<S, D> head(Tape<S, D>& tape) { return weights_in_use().on(tape, Slot::head, 0); }

  /// A table of at least `length` positions: models may allow far more than are ever used. Twice the last one, since
  /// text grows by a token at a time.
  const RopeTable<S, D>& rope_for(Index length) {
    const Index held = ropes_.empty() ? 0 : ropes_.back().cosine.shape().rows();
    if (held < length)
      ropes_.emplace_back(std::min(config().context, std::max(length, 2 * held)), config().head_width,
                          config().rope_theta);
    return ropes_.back();
  }

  void mark_domains(const Tokens& tokens, const StepCounts& counts, Pass<S, D>& pass) {
    if (tokens.domains.empty()) return;
    require(static_cast<Index>(tokens.domains.size()) == tokens.sequences,
            "transformer: one domain label per sequence is needed, got ", tokens.domains.size(), " for ",
            tokens.sequences, " sequences; give Tokens::domains one each, or none");
    const auto rows = static_cast<std::size_t>(tokens.sequences * tokens.length);
    staging_.resize(2 * rows);
    for (std::size_t n = 0; n < rows; ++n) {
      const std::uint8_t domain = tokens.domains[n / static_cast<std::size_t>(tokens.length)];
      require(domain <= 1, "transformer: domain labels must be 0 (original) or 1 (target), got ", int{domain},
              " for sequence ", n / static_cast<std::size_t>(tokens.length));
      staging_[n] = S(1) - static_cast<S>(domain);
      staging_[rows + n] = static_cast<S>(domain);
    }
    const Index original = tokens.length * std::count(tokens.domains.begin(), tokens.domains.end(), 0);
    require(!pass.tape.recording() || counts.original >= original,
            "transformer: StepCounts::original must count all tokens of original-domain sequences of the step, got ",
            counts.original, "; this batch alone has ", original);
    S* marks = pass.tape.template memory<S>(static_cast<Index>(2 * rows));
    D::template upload<S>(std::span<const S>(staging_), marks);
    const auto share = [&](const S* weight, Index here, Index in_step) -> penalty::Share<S> {
      const S layers = static_cast<S>(config().layers);
      return {weight, here, in_step > 0 ? S(1) / (layers * static_cast<S>(in_step)) : S(0)};
    };
    const auto all = static_cast<Index>(rows);
    pass.domains = {.original = share(marks, original, counts.original),
                    .target = share(marks + rows, all - original, counts.target()),
                    .both = share(nullptr, all, counts.predicted),
                    .known = true};
  }

  Life life_;
  std::shared_ptr<const Backbone<S, D>> backbone_;
  Instance adapter_;
  std::deque<Parameter<S, D>> thawed_;
  std::deque<RopeTable<S, D>> ropes_;  // ever longer ones: the last is in use, earlier ones may be on a tape still
  std::vector<S> staging_;
};

}}}  // namespace neutra::NEUTRA_ABI::nn
