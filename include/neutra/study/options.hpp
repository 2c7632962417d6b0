/// Every option of extension runs, on one page: the defaults and their reasons.
#pragma once

#include "neutra/core/dtype.hpp"
#include "neutra/core/error.hpp"
#include "neutra/core/nearest.hpp"
#include "neutra/study/method.hpp"
#include "neutra/study/option_checks.hpp"
#include "neutra/train/saved_adapter.hpp"
#include "neutra/train/stopped.hpp"
#include "neutra/train/text_paths.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// The options of `extend` and of studies. check() refuses invalid ones before any work is done.
struct Options {
  // Texts. Without evaluation files the last tenth of each domain is held out.
  std::vector<io::Path> original, target, eval_original, eval_target;
  Index target_bytes = 0;  // of the target text that training reads, 0: the whole; what is held out stays the same
  std::map<std::string, std::vector<io::Path>> further;  // scored besides, before and after, by name
  train::TextFormat text_format;

  // Backbone: a model (see train::tokenizer_of), or one pretrained here on the original text.
  io::Path model;
  std::optional<train::SavedAdapter> adapter;  // of a model that is extended already
  Index pretrain_steps = 2000;
  Index dim = 192, layers = 6, heads = 6, kv_heads = 0,
        ffn = 0;                            // ffn 0: 8/3 dim, rounded up to a multiple of 32 (Touvron et al. 2023)
  Index vocabulary = 2048;                  // a larger embedding would be most of a small model
  double pretrain_lr = 3e-3;                // a rate of the order 1/dim suits AdamW at widths of some hundreds
  std::string tokenizer = "sentencepiece";  // trained on the original text; or "byte", or a tokenizer.model
  bool tied = false;

  // What is compared.
  std::vector<Method> methods;
  std::string baseline;  // the label of the method that others are compared with; empty: see baseline_label
  Index steps = 1000;
  Index seeds = 1;
  double share = 0.1;  // p of the paper
  // Swept by a study: every method at each of them. Empty: `share` and `steps` alone.
  std::vector<double> shares;
  std::vector<Index> lengths;
  std::vector<double> alphas = {
      paper_alpha};  // of several, the one that forgets least among those that learn as much as the baseline
  /// Rates to try for methods without rates of their own. Adapters beside a frozen backbone need 1e-3 or more; training
  /// all weights forgets much at lower rates already.
  std::vector<double> adapter_rates = {1e-3, 3e-3, 1e-2}, model_rates = {3e-4, 1e-3, 3e-3};

  /// Parts of every trained adapter that are scored too (adapter::Attenuation): each scale at threshold 0, and, of
  /// adapters with gates, each threshold at scale 1.
  std::vector<double> scales, thresholds;

  // Batches: 16 x 128 = 2048 tokens keep two cores busy and give a model of some million weights steady gradients.
  Index batch = 16, sequence = 128;
  Index accumulate = 1;       // micro-batches per batch; changes memory and rounding only
  bool whole_curve = true;    // every rate with every seed, so that curves can be compared at equal learning; otherwise
                              // further seeds run the selected rate only
  Index warmup = -1;          // steps; -1: a twentieth of the run
  double weight_decay = 0.1;  // of matrices
  double clip = 1.0;          // gradient norm; 0: none

  DType precision = DType::f32;  // matmul input precision, in training and evaluation; sums are float32
  Quantisation base_precision;   // of the frozen projections that are extended; a pretraining does not quantise

  bool recompute = false;  // rematerialise layers in the backward pass: a third to a half of the tape's memory, for
                           // another forward pass; changes no number

  Index threads = 0;  // 0: all of the machine
  bool quick = false;
  bool resume = false;
  bool held_out_before = false;  // whether the run that --resume continues holds out a tuning split
  io::Path out;

  train::TextPaths texts() const {
    return {original, target, eval_original, eval_target, target_bytes, further, text_format};
  }
  /// The rates tried for a method.
  const std::vector<double>& rates_of(const Method& method) const {
    if (!method.rates.empty()) return method.rates;
    return method.trains == Trains::model ? model_rates : adapter_rates;
  }
  /// The alphas tried for a method; none where its adapter has no local loss.
  const std::vector<double>& alphas_of(const Method& method) const {
    static const std::vector<double> none;
    if (!method.has_alpha()) return none;
    return method.alphas.empty() ? alphas : method.alphas;
  }
  /// The alphas in the order in which they are tried. If one is selected among several, the paper's is tried first, and
  /// always shown beside the selected one.
  std::vector<double> tried_alphas(const Method& method) const {
    std::vector<double> all = alphas_of(method);
    if (all.size() > 1) {
      std::erase(all, paper_alpha);
      all.insert(all.begin(), paper_alpha);
    }
    return all;
  }
  bool chooses_alpha() const {
    return std::any_of(methods.begin(), methods.end(), [&](const Method& m) { return alphas_of(m).size() > 1; });
  }
  /// Whether a rate or alpha is selected among several.
  bool chooses() const {
    const auto several = [&](const Method& m) { return rates_of(m).size() > 1; };
    return chooses_alpha() || std::any_of(methods.begin(), methods.end(), several);
  }
  bool compares(std::string_view label) const {
    return std::any_of(methods.begin(), methods.end(), [&](const Method& m) { return is_baseline(m.label, label); });
  }
  /// The baseline that was named; otherwise the vanilla adapter, if it is among the methods; otherwise none.
  std::string baseline_label() const {
    if (!baseline.empty()) return baseline;
    return compares(default_baseline) ? std::string(default_baseline) : std::string();
  }
  /// Whether a tuning split is held out. A continued run keeps its texts, even if nothing is left to select.
  bool holds_out() const { return held_out_before || chooses(); }
  std::vector<double> shares_run() const { return shares.empty() ? std::vector{share} : shares; }
  std::vector<Index> lengths_run() const { return lengths.empty() ? std::vector{steps} : lengths; }
  Index warmup_of(Index run_steps) const { return warmup >= 0 ? warmup : run_steps / 20; }
  Index ffn_width() const { return ffn > 0 ? ffn : (8 * dim / 3 + 31) / 32 * 32; }

  void check() const;

 private:
  void check_methods() const;
};

inline void Options::check() const {
  using namespace detail;
  require(!out.empty(), "--out is missing: name the folder that results go to");
  require(!adapter || !model.empty(), "--adapter needs --model: name the model that the adapter was made for");
  require(!target.empty(), "--target is missing: name at least one text file of the domain to extend to");
  const std::vector<double> all_shares = shares_run();
  const bool needs_original = std::any_of(all_shares.begin(), all_shares.end(), [](double p) { return p > 0; });
  require(!original.empty() || (!model.empty() && !needs_original),
          "--original is missing: name at least one text file of the domain the model ",
          model.empty() ? "is pretrained on" : "was trained on, or give --share 0");
  require(!original.empty() || !eval_original.empty(),
          "--eval-original is missing: without --original it is what forgetting is measured on");
  require(!original.empty() || !chooses_alpha(),
          "--alpha with several values needs --original: alpha is selected by what is forgotten of it");
  for (const auto& [value, name] : {std::pair{steps, "steps"},
                                    {seeds, "seeds"},
                                    {batch, "batch"},
                                    {sequence, "sequence"},
                                    {accumulate, "accumulate"}})
    check_count(value, name);
  if (model.empty())
    for (const auto& [value, name] : {std::pair{pretrain_steps, "pretrain-steps"},
                                      {dim, "dim"},
                                      {layers, "layers"},
                                      {heads, "heads"},
                                      {vocabulary, "vocab"}})
      check_count(value, name);
  require(target_bytes >= 0, "--target-bytes must not be negative (0: the whole text), got ", target_bytes);
  check_derivable(kv_heads, "kv-heads");
  check_derivable(ffn, "ffn");
  require(batch % accumulate == 0, "--accumulate must divide --batch (", batch, "), got ", accumulate);
  for (const double p : shares_run())
    require(p >= 0 && p <= 1, "--share must lie in [0, 1], got ", p, "; the paper uses 0.1");
  check_different(shares, "share");
  for (const Index length : lengths) check_count(length, "steps");
  check_different(lengths, "steps");
  require(batch * sequence <= Index{1} << 31, "--batch times --sequence must be at most 2^31 tokens, got ", batch,
          " x ", sequence);
  check_positive(pretrain_lr, "pretrain-lr");
  check_not_negative(weight_decay, "weight-decay");
  check_not_negative(clip, "clip");
  require(!alphas.empty(), "--alpha needs at least one value");
  require(!adapter_rates.empty() && !model_rates.empty(), "--lr needs at least one value");
  check_tried(adapter_rates, alphas);
  check_tried(model_rates, {});
  for (const Index length : lengths_run())
    require(warmup <= length, "--warmup must not be longer than the run of ", length, " steps, got ", warmup);
  require(!model.empty() || warmup <= pretrain_steps, "--warmup must not be longer than the pretraining of ",
          pretrain_steps, " steps, got ", warmup);
  for (const double scale : scales) check_not_negative(scale, "scales");
  for (const double threshold : thresholds) check_positive(threshold, "thresholds");
  check_different(scales, "scales");
  check_different(thresholds, "thresholds");
  require(!methods.empty(), "--methods needs at least one of ", listed(shorthand_names()));
  check_methods();
  check_precision(to_string(precision));
  check_threads(threads);
}

inline void Options::check_methods() const {
  std::vector<std::string> labels;
  for (const Method& method : methods) {
    check_label(method.label);
    labels.push_back(method.label);
    require(!adapter || method.trains == Trains::adapter, "--adapter: the method ", method.label,
            " trains the weights of the model, for which ", adapter ? adapter->path.string() : "",
            " would no longer fit; name other methods with --methods or --method, or leave --adapter out");
    require(method.alphas.empty() || method.has_alpha(), "the method ", method.label,
            " has no local loss, so that alpha has no effect; give it none");
    train::with_run_name(method.label, [&] {
      detail::check_tried(method.rates, method.alphas);
      check_groups_named(method);
    });
  }
  detail::check_different(labels, "methods");
  require(baseline.empty() || compares(baseline), "--baseline: there is no method '", io::printable(baseline), "'",
          suggestion(baseline, labels), "; compared: ", listed(labels));
  for (const Method& method : methods)
    require(alphas_of(method).size() < 2 || !baseline_label().empty(),
            "--alpha with several values needs a baseline beside ", method.label, ", such as --methods ",
            default_baseline, " or --baseline LABEL: alpha is selected by what the baseline learns");
}

}}}  // namespace neutra::NEUTRA_ABI::study
