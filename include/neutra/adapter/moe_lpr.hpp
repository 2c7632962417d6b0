/// Experts copied from the FFN beside them, and a router that chooses for each token.
/// Zhou et al. 2024 (MoE-LPR), arXiv 2408.11396
#pragma once

#include "neutra/adapter/adapter.hpp"
#include "neutra/adapter/expert_counts.hpp"
#include "neutra/adapter/router_losses.hpp"
#include "neutra/op/add.hpp"
#include "neutra/op/linear.hpp"
#include "neutra/op/sparse_rows.hpp"
#include "neutra/op/top_softmax.hpp"

#include <cmath>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// y' = sum over e of w_e E_e(x) = y + sum over e > 0 of w_e (E_e(x) - y),  w = top_softmax(W_r x)     at each FFN
/// E_0: the frozen FFN, whose output is y. E_1 ..: trained copies of it, which start equal to it, and the model
/// therefore as the backbone, up to rounding. w: softmax of the `top` largest logits, 0 for the others, whose experts
/// are not run.      x, y: (N,d)  W_r: (1 + experts,d), normal of variance 2 / (d + 1 + experts), as in the authors'
/// code
///
/// Training has two stages. First, experts and router are trained; local loss: load balancing (balance_loss) over
/// target tokens. In the last `review` of the steps the router alone is trained, and the experts are held; local loss:
/// `prior` times the language prior (prior_loss) over original tokens. With alpha 0.01, the default `prior` of 10 gives
/// both the weights of the paper, 0.01 and 0.1.
///
/// What differs from the paper: both stages draw the sequences of the run, so that the first sees original text too
/// (none there) unless the share is 0, and then the second sees none; the rate has one schedule over both stages;
/// losses are means over layers, where the authors' code pools the balance of all layers and takes the cross-entropy of
/// the prior of probabilities in place of logits.
///
/// experts: new ones in each layer, or a number for each layer; 0 leaves a layer as it is. total: if not 0, the number
/// of new experts in all layers, which studies allot by the similarity of the domains (LayerMoE, arXiv 2505.22582,
/// without its classifiers; the rounding is our own, see allot_experts); elsewhere all layers count as equally similar.
/// top: from 2 to 1 + experts of the layer that has most. review: in [0, 1); 0: without the second stage. prior:
/// finite, not negative.
struct MoeLpr {
  static constexpr std::string_view name = "moe_lpr";
  ExpertCounts experts{};
  Index total = 0;
  Index top = 2;
  double review = 0.1;
  double prior = 10;

  template <class Self, class Visit> static void settings(Self& self, const Visit& visit) {
    visit("experts", self.experts);
    visit("total", self.total);
    visit("top", self.top);
    visit("review", self.review);
    visit("prior", self.prior);
  }

  /// The number of new experts of each layer. Error: settings that are out of range or do not fit the model.
  std::vector<Index> counts_in(const Sizes& sizes) const {
    require(review >= 0 && review < 1, name, ": review, the share of steps that train the router alone, must be in ",
            "[0, 1), got ", review);
    require(prior >= 0 && std::isfinite(prior), name,
            ": prior, the weight of the language prior, must be a finite number and not negative, got ", prior);
    require(sizes.ffn_weights > 0, name, ": the model has no FFN to copy");
    require(total == 0 || experts == ExpertCounts{}, name,
            ": give the number of experts of each layer or a total, got experts=", text_of(experts.setting()),
            " and total=", total);
    require(total == 0 || (total >= sizes.layers && total <= sizes.layers * ExpertCounts::most), name,
            ": the total must be 0, or from ", sizes.layers, ", an expert for each layer, to ",
            sizes.layers * ExpertCounts::most, ", got ", total);
    const std::vector<double> alike(static_cast<std::size_t>(sizes.layers), 1.0);
    const std::vector<Index> counts = total > 0 ? allot_experts(alike, total) : experts.in(sizes, name);
    const Index most = 1 + *std::max_element(counts.begin(), counts.end());
    require(top >= 2 && top <= most, name, ": top must be from 2 to ", most,
            ", the experts of a layer and its FFN, got ", top,
            "; of one chosen expert the weight is 1, and the router would get no gradient");
    return counts;
  }
  Description describe(const Sizes& sizes) const {
    MoeLpr counted = *this;
    const std::vector<Index> counts = counts_in(sizes);
    if (total > 0) counted.experts = {counts};
    counted.total = 0;
    Description described{.kind = std::string(name), .settings = settings_of(counted)};
    for (const Index count : counts)
      if (count > 0) described.weights += count * sizes.ffn_weights + (1 + count) * sizes.dim;
    return described;
  }
  /// With the total distributed over the layers.
  MoeLpr allotted(const SimilarityOf& of) const {
    if (total == 0) return *this;
    MoeLpr by_layer = *this;
    by_layer.experts = {allot_experts(of(), total)};
    by_layer.total = 0;
    return by_layer;
  }
  std::optional<penalty::Counts> local_loss() const { return penalty::Counts::both; }
  bool must_be_first() const { return true; }  // the copies are of FFNs without an adapter

  template <Scalar S, Backend D> class Instance {
   public:
    Instance(const MoeLpr& moe, const Sizes& sizes, std::uint64_t seed, std::shared_ptr<BaseModel<S, D>> base)
        : base_(std::move(base)), top_(moe.top), review_(moe.review), prior_(static_cast<S>(moe.prior)) {
      for (const Index count : moe.counts_in(sizes)) make_layer(count, sizes.dim, seed);
    }

    std::vector<Parameter<S, D>*> parameters() {
      std::vector<Parameter<S, D>*> all;
      for (auto& parameter : parameters_) all.push_back(&parameter);
      return all;
    }
    bool acts_at(Site site) const { return site == Site::ffn; }

    Var<S, D> apply(Site site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>& pass) {
      const Routed& here = layers_[static_cast<std::size_t>(layer)];
      if (!acts_at(site) || here.experts.empty()) return y;
      const bool reviewed = pass.tape.recording() && pass.progress >= 1 - review_;
      hold(here, reviewed);
      const auto logits = linear_exact(x, pass.tape.leaf(*here.router));  // (N,1+experts)
      const Index most = std::min(top_, logits.shape().cols());
      const auto w = top_softmax(logits, most);
      if (pass.tape.recording() && pass.local_losses) add_loss(logits, w, reviewed, pass);
      const bool sparse = most < logits.shape().cols() && (D::counts_on_host || !pass.tape.recording());
      auto joined = y;
      for (std::size_t e = 0; e < here.experts.size(); ++e) {
        const auto weight = columns(w, static_cast<Index>(e) + 1, 1);  // (N,1)
        const RowSet chosen = sparse ? open_rows(weight) : RowSet{};
        const auto rows = [&](Var<S, D> of) { return sparse ? gather_rows(of, chosen) : of; };
        const auto here_y = rows(y);
        const auto apart = neutra::add(base_->ffn(layer, here.experts[e], rows(x), pass), here_y, S(-1));
        const auto r = scale_rows(apart, rows(weight));  // (M,d)
        joined = sparse ? scatter_add(joined, r, chosen) : neutra::add(joined, r);
      }
      return joined;
    }

    WeightChanges<S> weight_changes() { fail("moe_lpr: its router chooses for each token, which no weights do"); }

   private:
    /// The new experts of a layer: the weights of each in the order of BaseModel::layer, null outside the FFN.
    struct Routed {
      Parameter<S, D>* router = nullptr;
      std::vector<std::vector<Parameter<S, D>*>> experts{};
    };

    void make_layer(Index count, Index dim, std::uint64_t seed) {
      const auto layer = static_cast<Index>(layers_.size());
      Routed& here = layers_.emplace_back();
      if (count == 0) return;
      const std::string router = concat("adapter.", layer, ".router");
      const double variance = 2.0 / static_cast<double>(dim + 1 + count);
      here.router = &parameters_.emplace_back(router, normal_tensor<S, D>({1 + count, dim}, variance, seed, router));
      for (Index expert = 1; expert <= count; ++expert) {
        auto& weights = here.experts.emplace_back();
        for (const LayerWeight<S, D>& weight : base_->layer(layer)) {
          const std::string called = concat("adapter.", layer, ".expert.", expert, ".", weight.name);
          weights.push_back(weight.in_ffn ? &parameters_.emplace_back(called, weight.value.copy()) : nullptr);
        }
      }
    }

    static void hold(const Routed& here, bool held) {
      for (const auto& expert : here.experts)
        for (auto* weight : expert)
          if (weight) weight->held = held;
    }

    void add_loss(Var<S, D> logits, Var<S, D> w, bool reviewed, Pass<S, D>& pass) const {
      require(pass.domains.known,
              "moe_lpr: its local loss needs the domain of every sequence in training; give Tokens::domains");
      const auto p = softmax(logits);
      if (!reviewed) return pass.add_local(balance_loss(p, w, pass.domains.target));
      penalty::Share<S> original = pass.domains.original;
      original.scale *= prior_;
      pass.add_local(prior_loss(p, original));
    }

    std::shared_ptr<BaseModel<S, D>> base_;
    Index top_;
    double review_;
    S prior_;
    std::deque<Parameter<S, D>> parameters_;
    std::vector<Routed> layers_;
  };
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
