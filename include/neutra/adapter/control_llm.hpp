/// Trained copies of layers beside the frozen ones.      Wei et al. 2025 (Control LLM), arXiv 2501.10979
#pragma once

#include "neutra/adapter/layer_copies.hpp"
#include "neutra/op/add.hpp"
#include "neutra/penalty/activations.hpp"
#include "neutra/penalty/l2.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// y' = (1 - factor) y + factor copy(x) at the last layer of each group, which maps x to y; the copy starts equal to
/// the layer, and the model as the backbone, up to rounding. Local loss: sum (copy(x) - y)^2 / d of the copied layers.
/// This is the paper's concat expansion with linear interpolation (Lerp) of a fixed factor and the squared error as its
/// divergence loss, the defaults of the authors' code (factor 0.5, alpha 1). Two things are ours: like every penalty,
/// the local loss counts tokens of the original domain and is divided by all layers; the groups are those of LLaMA Pro.
/// blocks: how many copies; 0: as many as come nearest to `capacity` of the block weights
struct ControlLlm {
  static constexpr std::string_view name = "control_llm";
  Index blocks = 0;
  double capacity = 0.2;
  double factor = 0.5;

  template <class Self, class Visit> static void settings(Self& self, const Visit& visit) {
    visit("blocks", self.blocks);
    visit("capacity", self.capacity);
    visit("factor", self.factor);
  }
  Index blocks_in(const Sizes& sizes) const {
    require(factor > 0 && factor <= 1, "control_llm: the interpolation factor must be in (0, 1], got ", factor);
    return copied_layers(blocks, capacity, sizes, name);
  }
  Description describe(const Sizes& sizes) const {
    ControlLlm counted = *this;
    counted.blocks = blocks_in(sizes);
    return {
        .kind = std::string(name), .settings = settings_of(counted), .weights = counted.blocks * sizes.layer_weights};
  }
  std::optional<penalty::Counts> local_loss() const { return penalty::L2::counts; }
  bool must_be_first() const { return true; }  // the copies are of layers without an adapter

  template <Scalar S, Backend D> class Instance {
   public:
    Instance(const ControlLlm& control, const Sizes& sizes, std::uint64_t, std::shared_ptr<BaseModel<S, D>> base)
        : factor_(static_cast<S>(control.factor)), copies_(std::move(base), sizes, control.blocks_in(sizes), false) {}
    std::vector<Parameter<S, D>*> parameters() { return copies_.parameters(); }
    bool acts_at(Site site) const { return site == Site::layer; }
    Var<S, D> apply(Site site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>& pass) {
      if (!acts_at(site) || !copies_.has(layer)) return y;
      const auto apart = neutra::add(copies_.run(layer, x, pass), y, S(-1));
      if (pass.tape.recording() && pass.local_losses) {
        require(pass.domains.known,
                "control_llm: its local loss needs the domain of every sequence in training; give Tokens::domains");
        const penalty::Activations<S, D> activations{.r = apart, .y = y, .domains = pass.domains};
        pass.add_local(penalty::loss(penalty::L2{}, activations, {}));
      }
      return neutra::add(y, apart, factor_);
    }

    WeightChanges<S> weight_changes() {
      fail("control_llm: it mixes the outputs of two copies of a layer, which no single layer computes");
    }

   private:
    S factor_;
    LayerCopies<S, D> copies_;
  };
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
