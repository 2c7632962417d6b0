/// A model with an adapter: the blocks of a family on the tape, and the adapter at their sites.
#pragma once

#include "neutra/adapter/attached.hpp"
#include "neutra/adapter/none.hpp"
#include "neutra/autodiff/recompute.hpp"
#include "neutra/backend/device.hpp"
#include "neutra/nn/attached_backbone.hpp"
#include "neutra/nn/backbone.hpp"
#include "neutra/op/cross_entropy.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// A batch of B sequences of T tokens: inputs and, for a loss, targets. The caller owns the memory.
struct Tokens {
  Index sequences = 0, length = 0;
  std::span<const std::int32_t> inputs;        // (B*T)
  std::span<const std::int32_t> targets = {};  // (B*T), not_scored for tokens without; empty if no loss is computed
  std::span<const std::uint8_t> domains = {};  // (B), 0 original, 1 target; empty if unknown
};

/// Token counts of the whole optimizer step, micro-batches included, by which its losses are divided.
struct StepCounts {
  Index predicted = 0;  // all tokens
  Index original = 0;   // tokens of original-domain sequences; the others are of the target domain
  Index unscored = 0;   // tokens whose target is not_scored: they count in local losses only
  Index target() const { return predicted - original; }
  Index scored() const { return predicted - unscored; }
};

/// The language-model loss of a batch, and its local loss if there is one.
template <Scalar S, Backend D> struct Losses {
  Var<S, D> lm;
  std::optional<Var<S, D>> local;
  Var<S, D> hidden{};  // the input of the head, for further losses

  /// lm + alpha * local
  Var<S, D> total(S alpha) const { return local ? add(lm, *local, alpha) : lm; }
};

/// A model: a shared frozen backbone and an adapter that it owns. After thaw(), weights of the backbone are trained
/// too, as copies that the model owns.
template <class A = adapter::None, Scalar S = float, Backend D = DefaultDevice> class Transformer {
  static_assert(adapter::check_adapter<A, S, D>());

 public:
  using Instance = typename A::template Instance<S, D>;

  Transformer(std::shared_ptr<const Backbone<S, D>> backbone, const A& adapter = A{}, std::uint64_t seed = 0)
      : backbone_(std::move(backbone)),
        decoder_(decoder_of<S, D>(backbone_->config())),
        adapter_(adapter, backbone_->config().sizes(), seed, std::make_shared<AttachedBackbone<S, D>>(backbone_)) {}
  /// Rejects a backbone of another scalar or device.
  template <class Other>
  requires(!std::convertible_to<Other*, const Backbone<S, D>*>)
      Transformer(const std::shared_ptr<Other>&, const A& adapter = A{}, std::uint64_t seed = 0)
      : Transformer(std::shared_ptr<const Backbone<S, D>>(), adapter, seed) {
    static_assert(std::same_as<Other, void>,
                  "neutra: a model and its backbone must be of one scalar and one device; write "
                  "nn::Transformer<Adapter, double> for a backbone of double, or make the backbone in float");
  }

  const Config& config() const { return backbone_->config(); }
  const std::shared_ptr<const Backbone<S, D>>& backbone() const { return backbone_; }
  Instance& adapter() { return adapter_.instance; }

  /// Copies weights of the backbone into trainable parameters: all of them, for finetuning or pretraining, or those
  /// that `chosen` accepts by layer, name or shape. The others stay frozen: no gradient is computed for them, and the
  /// backward pass ends at the lowest trained weight. Weights that were thawed before stay so.
  ///     model.thaw([](const nn::Weight& weight) { return weight.layer == 3; });
  /// Error: `chosen` accepts no weight.
  void thaw(const std::function<bool(const Weight&)>& chosen = [](const Weight&) { return true; });
  bool thawed() const { return !thawed_.empty(); }
  /// The thawed weights by their index in the list of the backbone, null where frozen; empty before thaw().
  const Thawed<S, D>& thawed_weights() const { return thawed_; }

  /// All trainable parameters: the thawed weights in the order of the backbone, then the adapter.
  std::vector<Parameter<S, D>*> parameters() {
    std::vector<Parameter<S, D>*> all;
    for (const auto& parameter : thawed_)
      if (parameter) all.push_back(parameter.get());
    const auto more = adapter_.parameters();
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  /// Activation checkpointing per layer: a training step stores only the values between layers and recomputes the
  /// others in the backward pass. Gradients are bit-identical; it saves a third to a half of the memory of the tape for
  /// one more forward pass. Do not move the model until backward() has returned.
  bool recompute_layers = false;

  /// How much of the adapter evaluations apply, those on a tape that does not record, and which adapters of a list. May
  /// be set anew before every pass.
  adapter::Attenuation attenuation{};

  /// The share of the steps of training that are done, for adapters that train in stages. A trainer sets it.
  double progress = 0;

  /// The input of the head, (B*T, d): the hidden states after the final norm.
  Var<S, D> hidden(const Tokens& tokens, Pass<S, D>& pass);

  /// The share of this batch in the losses of the step: the mean cross-entropy over the tokens of the step, in nats,
  /// and the local loss, divided by layers and counted tokens of the step.
  Losses<S, D> loss(Tape<S, D>& tape, const Tokens& tokens, const StepCounts& counts,
                    adapter::Probe<S, D>* probe = nullptr);

  /// The logits of the next token at every position, (B*T, V).
  Var<S, D> logits(Tape<S, D>& tape, const Tokens& tokens) {
    Pass<S, D> pass{.tape = tape};
    return logits_of(hidden(tokens, pass));
  }
  /// The logits of rows of hidden().      x: (M,d)  result: (M,V)
  Var<S, D> logits_of(Var<S, D> x) {
    const auto products = linear(x, head(x.tape()));
    const S cap = decoder_->logit_cap();
    return cap > 0 ? pointwise(products, op::SoftCap<S>{cap}) : products;
  }
  /// scale times the sum of the cross-entropies of rows of hidden(), in nats.      x: (M,d)  targets: (M)
  Var<S, D> loss_of(Var<S, D> x, std::span<const std::int32_t> targets, S scale) {
    return cross_entropy(x, head(x.tape()), targets, scale, decoder_->logit_cap());
  }

  /// The logits of the token after one sequence, (1, V): logits() at its last position only.
  Var<S, D> next_logits(Tape<S, D>& tape, std::span<const std::int32_t> sequence) {
    Pass<S, D> pass{.tape = tape};
    return last_logits(hidden({1, static_cast<Index>(sequence.size()), sequence}, pass));
  }
  /// The same for a sequence of which `past` holds all but the tokens `more`, on a tape that does not record. Adds them
  /// to it. A pass over few tokens reads each weight once, whatever the past.
  Var<S, D> next_logits(Tape<S, D>& tape, Past<S, D>& past, std::span<const std::int32_t> more) {
    Pass<S, D> pass{.tape = tape};
    pass.tokens.past = past.length();
    past.begin_pass();
    tape.set_past(&past);
    const auto h = hidden({1, static_cast<Index>(more.size()), more}, pass);
    tape.set_past(nullptr);
    past.end_pass(static_cast<Index>(more.size()));
    return last_logits(h);
  }
  /// The longest sequence that a past may hold, in tokens: the context, unless the family limits it further.
  Index longest_past() const { return std::min(config().context, decoder_->longest_past()); }

 private:
  /// One layer, (N,d) to (N,d), and the local loss of its residues.
  Made<S, D> layer(Var<S, D> x, Pass<S, D> pass, const AttentionSizes& sizes, Index index);

  Var<S, D> last_logits(Var<S, D> hidden) {
    const View<const S> h = hidden.value();
    return logits_of(hidden.tape().input(View<const S>(h.row(h.rows() - 1), {1, h.cols()})));
  }
  Weights<S, D> weights(Tape<S, D>& tape) { return {tape, backbone_->list(), backbone_->weights(), thawed_}; }
  Var<S, D> head(Tape<S, D>& tape) { return decoder_->head(weights(tape)); }
  void mark_domains(const Tokens& tokens, const StepCounts& counts, Pass<S, D>& pass);

  Life life_;
  std::shared_ptr<const Backbone<S, D>> backbone_;
  std::unique_ptr<Decoder<S, D>> decoder_;
  adapter::AttachedInstance<A, S, D> adapter_;
  Thawed<S, D> thawed_;
  std::vector<S> staging_;
};

template <class A, Scalar S, Backend D>
void Transformer<A, S, D>::thaw(const std::function<bool(const Weight&)>& chosen) {
  const WeightList& list = backbone_->list();
  std::vector<std::size_t> places;
  for (Index index = 0; index < list.count(); ++index)
    if (chosen(list.at(index))) places.push_back(static_cast<std::size_t>(index));
  require(!places.empty(), "thaw: at least one of the ", list.count(),
          " weights must be chosen, got none; the first is ", list.at(0).name);
  thawed_.resize(backbone_->weights().size());
  for (const std::size_t place : places) {
    const Frozen<S, D>& weight = backbone_->weights()[place];
    if (!thawed_[place]) thawed_[place] = std::make_unique<Parameter<S, D>>(weight.name, weight.copy());
  }
}

template <class A, Scalar S, Backend D> Var<S, D> Transformer<A, S, D>::hidden(const Tokens& tokens, Pass<S, D>& pass) {
  const Index rows = tokens.sequences * tokens.length;
  require(rows == static_cast<Index>(tokens.inputs.size()), "transformer: inputs must hold B*T = ", rows,
          " tokens, got ", tokens.inputs.size());
  require(!pass.probe || pass.probe->layers() == config().layers, "transformer: the probe was made for ",
          pass.probe ? pass.probe->layers() : 0, " layers, the model has ", config().layers,
          "; make it with model.config().layers");
  const Index past = pass.tokens.past;
  require(past + tokens.length <= (past > 0 ? longest_past() : config().context),
          "transformer: sequences may have at most ", past > 0 ? longest_past() : config().context,
          " tokens (the model's context), got ", past + tokens.length);
  attenuation.check();
  adapter_.check_attenuation(attenuation);
  if (!pass.tape.recording()) pass.attenuation = adapter::PassAttenuation(attenuation);
  pass.tape.begin_pass(this, backbone_->use().precision);
  pass.progress = progress;
  pass.tokens = {tokens.sequences, tokens.length, past};
  if (pass.probe) pass.probe->begin_pass(tokens.inputs);
  const AttentionSizes sizes = attention_sizes(config(), pass.tokens);
  auto x = decoder_->embed(weights(pass.tape), tokens.inputs, sizes);  // (N,d)
  for (Index index = 0; index < config().layers; ++index) {
    typename Tape<S, D>::Scope scope(pass.tape, x);
    const auto run = [this, pass, sizes, index](Var<S, D> in) { return layer(in, pass, sizes, index); };
    const Made<S, D> made =
        recompute_layers && !pass.probe ? recompute(x, run) : run(x);  // a probe records each layer once
    x = scope.keep(made.y);
    if (made.loss) pass.add_local(*made.loss);
  }
  return decoder_->normalise(weights(pass.tape), x);
}

template <class A, Scalar S, Backend D>
Losses<S, D> Transformer<A, S, D>::loss(Tape<S, D>& tape, const Tokens& tokens, const StepCounts& counts,
                                        adapter::Probe<S, D>* probe) {
  require(counts.predicted > 0, "transformer: the step must predict at least one token");
  Pass<S, D> pass{.tape = tape, .probe = probe};
  mark_domains(tokens, counts, pass);
  const auto h = hidden(tokens, pass);
  const S scale = counts.scored() > 0 ? S(1) / static_cast<S>(counts.scored()) : S(0);
  const auto lm = loss_of(h, tokens.targets, scale);
  return {lm, pass.local, h};
}

template <class A, Scalar S, Backend D>
Made<S, D> Transformer<A, S, D>::layer(Var<S, D> x, Pass<S, D> pass, const AttentionSizes& sizes, Index index) {
  pass.local.reset();
  typename Tape<S, D>::Scope scope(pass.tape);
  pass.tape.watch(life_);  // recomputation in backward() calls this function again
  const Weights<S, D> in_use = weights(pass.tape);
  Layer<S, D> here{in_use, adapter_, index, pass};
  const auto y = decoder_->block(here, x, sizes);
  return {scope.keep(here.adapt(adapter::Site::layer, x, y)), pass.local};
}

template <class A, Scalar S, Backend D>
void Transformer<A, S, D>::mark_domains(const Tokens& tokens, const StepCounts& counts, Pass<S, D>& pass) {
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

}}}  // namespace neutra::NEUTRA_ABI::nn

#if defined(NEUTRA_COMPILED)
#include "neutra/nn/instances.hpp"  // IWYU pragma: keep
#endif
