/// Low-rank adaptation.      Hu et al. 2021, arXiv 2106.09685
#pragma once

#include "neutra/adapter/adapter.hpp"
#include "neutra/op/add.hpp"
#include "neutra/op/linear.hpp"

#include <algorithm>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// y = W x + scale B (A x) at the chosen projections
/// A: (r,in), uniform with variance 1/(3 in) as in PEFT   B: (out,r), zero
/// `sites` that the model's family lacks are ignored: not every family has a gate.
/// A rank of 0 means the rank whose extra weights are `capacity` of the block weights.
struct Lora {
  static constexpr std::string_view name = "lora";
  std::vector<Site> sites = {Site::q, Site::k, Site::v, Site::o, Site::gate, Site::up, Site::down};
  double scale = 1;
  double capacity = 0.2;
  Index rank = 0;

  template <class Self, class Visit> static void settings(Self& self, const Visit& visit) {
    visit("targets", self.sites);
    visit("rank", self.rank);
    visit("scale", self.scale);
    visit("capacity", self.capacity);
  }

  /// The chosen projections that the model has. Error: none chosen; none of them in the model; a site that is no
  /// projection; one named twice.
  std::vector<Site> sites_in(const Sizes& sizes) const {
    require(!sites.empty(), "lora: no projection was chosen; name at least one of q k v o gate up down");
    std::vector<Site> found;
    for (const Site site : sites) {
      require(Sizes::is_projection(site), "lora: '", to_string(site),
              "' is no projection; choose among q k v o gate up down");
      require(std::count(sites.begin(), sites.end(), site) == 1, "lora: the projection '", to_string(site),
              "' was named twice");
      if (sizes.has(site)) found.push_back(site);
    }
    require(!found.empty(), "lora: the model has no projection '", to_string(sites.front()),
            sites.size() > 1 ? "' nor any other that was named" : "'", "; choose one of its own");
    return found;
  }
  /// fixed: weights of a layer that do not depend on the rank, where another adapter adds some.
  Index rank_for(const Sizes& sizes, Index fixed = 0) const {
    require(std::isfinite(scale), "lora: the scale must be a finite number, got ", scale);
    Index per_rank = 0;
    for (const Site site : sites_in(sizes)) per_rank += sizes.inputs(site) + sizes.outputs(site);
    require(rank >= 0, "lora: the rank must be positive (or 0, to follow from the capacity), got ", rank);
    if (rank > 0) return rank;
    return units_for(capacity, fixed, per_rank, sizes.block_weights(), sizes.layers, name);
  }

  /// With the projections of the model, and the rank as a number.
  Lora resolved(const Sizes& sizes, Index fixed = 0) const {
    Lora ranked = *this;
    ranked.sites = sites_in(sizes);
    ranked.rank = rank_for(sizes, fixed);
    return ranked;
  }
  Description describe(const Sizes& sizes) const {
    const Lora ranked = resolved(sizes);
    Description d{.kind = std::string(name), .settings = settings_of(ranked)};
    for (const Site site : ranked.sites)
      d.weights += sizes.layers * ranked.rank * (sizes.inputs(site) + sizes.outputs(site));
    return d;
  }

  template <Scalar S, Backend D> class Instance {
   public:
    Instance(const Lora& lora, const Sizes& sizes, std::uint64_t seed)
        : layers_(sizes.layers), scale_(static_cast<S>(lora.scale)), first_(site_names.size(), -1) {
      const Index r = lora.rank_for(sizes);
      for (const Site site : lora.sites_in(sizes)) {
        first_[static_cast<std::size_t>(site)] = static_cast<Index>(parameters_.size()) / 2;
        for (Index layer = 0; layer < sizes.layers; ++layer) {
          const std::string prefix = concat("adapter.", layer, ".", to_string(site), ".lora_");
          parameters_.emplace_back(prefix + "a", uniform({r, sizes.inputs(site)}, seed, prefix + "a"));
          parameters_.emplace_back(prefix + "b", Tensor<S, D>({sizes.outputs(site), r}));
        }
      }
    }

    std::vector<Parameter<S, D>*> parameters() {
      std::vector<Parameter<S, D>*> all;
      for (auto& parameter : parameters_) all.push_back(&parameter);
      return all;
    }

    bool acts_at(Site site) const { return first_[static_cast<std::size_t>(site)] >= 0; }

    /// The matrices are numbered site by site, as they were chosen, then by layer.
    std::size_t place(Site site, Index layer) const {
      return static_cast<std::size_t>(first_[static_cast<std::size_t>(site)] + layer);
    }
    Parameter<S, D>& a(std::size_t place) { return parameters_[2 * place]; }
    Parameter<S, D>& b(std::size_t place) { return parameters_[2 * place + 1]; }
    S scale() const { return scale_; }

    Var<S, D> apply(Site site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>& pass) {
      if (!acts_at(site)) return y;
      const std::size_t here = place(site, layer);
      const auto low = linear(x, pass.tape.leaf(a(here)));  // (N,r)
      if (scale_ == S(1)) return linear(low, pass.tape.leaf(b(here)), y);
      return neutra::add(y, linear(low, pass.tape.leaf(b(here))), scale_);
    }

    WeightChanges<S> weight_changes() {
      WeightChanges<S> changes;
      for (std::size_t index = 0; index < first_.size(); ++index)
        for (Index layer = 0; first_[index] >= 0 && layer < layers_; ++layer) {
          const Site site = static_cast<Site>(index);
          const std::size_t here = place(site, layer);
          changes.low_rank.push_back(
              {layer, site, host_copy(a(here).value), host_copy(b(here).value), static_cast<double>(scale_)});
        }
      return changes;
    }

   private:
    static Tensor<S, D> uniform(const Shape& shape, std::uint64_t seed, std::string_view purpose) {
      const Philox random(seed, purpose);
      const double bound = 1 / std::sqrt(static_cast<double>(shape.cols()));  // variance bound^2 / 3
      std::vector<S> values(static_cast<std::size_t>(shape.size()));
      for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = static_cast<S>(bound * (2 * random.uniform(0, i) - 1));
      Tensor<S, D> tensor(shape);
      D::template upload<S>(std::span<const S>(values), tensor.data());
      return tensor;
    }

    Index layers_;
    S scale_;
    std::vector<Index> first_;  // by site: the place in layer 0, or -1
    std::deque<Parameter<S, D>> parameters_;
  };
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
