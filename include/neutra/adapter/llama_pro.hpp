/// Block expansion: trained copies of layers behind the frozen ones.      Wu et al. 2024 (LLaMA Pro), arXiv 2401.02415
#pragma once

#include "neutra/adapter/layer_copies.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// y' = copy(y) behind the last layer of each group, where the projections that write to the residual stream start at
/// zero in the copy: it returns its input, and the model starts as the backbone. Copies alone are trained
/// (section 3.2). It computes what nn::with_copied_layers and thaw() do, which make a deeper model; as an adapter it
/// shares the backbone of a study, and its file holds the copies alone. blocks: how many copies; 0: as many as come
/// nearest to `capacity` of the block weights
struct LlamaPro {
  static constexpr std::string_view name = "llama_pro";
  Index blocks = 0;
  double capacity = 0.2;

  template <class Self, class Visit> static void settings(Self& self, const Visit& visit) {
    visit("blocks", self.blocks);
    visit("capacity", self.capacity);
  }
  Index blocks_in(const Sizes& sizes) const { return copied_layers(blocks, capacity, sizes, name); }
  Description describe(const Sizes& sizes) const {
    LlamaPro counted = *this;
    counted.blocks = blocks_in(sizes);
    return {
        .kind = std::string(name), .settings = settings_of(counted), .weights = counted.blocks * sizes.layer_weights};
  }

  template <Scalar S, Backend D> class Instance {
   public:
    Instance(const LlamaPro& pro, const Sizes& sizes, std::uint64_t, std::shared_ptr<BaseModel<S, D>> base)
        : copies_(std::move(base), sizes, pro.blocks_in(sizes), true) {}
    std::vector<Parameter<S, D>*> parameters() { return copies_.parameters(); }
    bool acts_at(Site site) const { return site == Site::layer; }
    Var<S, D> apply(Site site, Index layer, Var<S, D>, Var<S, D> y, Pass<S, D>& pass) {
      return acts_at(site) && copies_.has(layer) ? copies_.run(layer, y, pass) : y;
    }

    WeightChanges<S> weight_changes() { fail("llama_pro: it adds layers, and changes none of those that are there"); }

   private:
    LayerCopies<S, D> copies_;
  };
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
