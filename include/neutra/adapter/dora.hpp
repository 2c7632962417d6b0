/// Weight-decomposed low-rank adaptation.      Liu et al. 2024, arXiv 2402.09353
#pragma once

#include "neutra/adapter/lora.hpp"
#include "neutra/op/magnitude.hpp"
#include "neutra/op/scale_columns.hpp"

#include <cmath>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// y = c * (W x + scale B (A x)),  c = m / ||W + scale B A||      (eq. 5), at the projections of LoRA
/// The norm is that of a row of W (out,in), one for each output, as in the authors' code and in PEFT; the paper writes
/// W transposed and calls it column-wise. It is held constant in the backward pass (section 4.3). A bias of the
/// projection is not scaled. A, B: as in LoRA   m: (out), initially ||W||, so that the model starts as the backbone
struct Dora {
  static constexpr std::string_view name = "dora";
  Lora lora{};

  template <class Self, class Visit> static void settings(Self& self, const Visit& visit) {
    Lora::settings(self.lora, visit);
  }

  Lora resolved(const Sizes& sizes) const { return lora.resolved(sizes, magnitudes(sizes)); }
  Description describe(const Sizes& sizes) const {
    const Lora ranked = resolved(sizes);
    return {.kind = std::string(name),
            .settings = settings_of(ranked),
            .weights = ranked.describe(sizes).weights + sizes.layers * magnitudes(sizes)};
  }
  bool must_be_first() const { return true; }  // c would scale what another adapter has added to W x

  template <Scalar S, Backend D> class Instance {
   public:
    Instance(const Dora& dora, const Sizes& sizes, std::uint64_t seed, std::shared_ptr<BaseModel<S, D>> base)
        : lora_(dora.resolved(sizes), sizes, seed), base_(std::move(base)) {
      for (const Site site : dora.lora.sites_in(sizes))
        for (Index layer = 0; layer < sizes.layers; ++layer) {
          const Frozen<S, D>& weight = base_->projection(layer, site);
          std::vector<S> squares = squared_rows(weight);
          auto& place = places_.emplace_back(Place{&weight, Tensor<S, D>({sizes.outputs(site)})});
          D::template upload<S>(std::span<const S>(squares), place.squares.data());
          for (S& square : squares) square = std::sqrt(square);
          auto& m = magnitudes_.emplace_back(concat("adapter.", layer, ".", to_string(site), ".magnitude"),
                                             Tensor<S, D>({sizes.outputs(site)}));
          D::template upload<S>(std::span<const S>(squares), m.value.data());
        }
      for (const Site site : dora.lora.sites_in(sizes))
        biased_[static_cast<std::size_t>(site)] = base_->has_bias(0, site);
    }

    std::vector<Parameter<S, D>*> parameters() {
      std::vector<Parameter<S, D>*> all = lora_.parameters();
      for (auto& magnitude : magnitudes_) all.push_back(&magnitude);
      return all;
    }

    bool acts_at(Site site) const { return lora_.acts_at(site); }

    Var<S, D> apply(Site site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>& pass) {
      if (!acts_at(site)) return y;
      const std::size_t here = lora_.place(site, layer);
      Tape<S, D>& tape = pass.tape;
      const auto w = tape.constant(*places_[here].weight), a = tape.leaf(lora_.a(here)), b = tape.leaf(lora_.b(here));
      const auto c =
          magnitude_factors(tape.leaf(magnitudes_[here]), w, a, b, places_[here].squares.view(), lora_.scale());
      if (!biased_[static_cast<std::size_t>(site)]) return scale_columns(lora_.apply(site, layer, x, y, pass), c);
      const auto product = linear(x, w);  // y without its bias
      const auto scaled = scale_columns(lora_.apply(site, layer, x, product, pass), c);
      return neutra::add(y, neutra::add(scaled, product, S(-1)));
    }

    WeightChanges<S> weight_changes() {
      fail("dora: it scales each row of W + scale B A anew, which is no sum with W; train a lora to merge it");
    }

   private:
    struct Place {
      const Frozen<S, D>* weight;
      Tensor<S, D> squares;  // (out), ||W[o]||^2
    };

    static std::vector<S> squared_rows(const Frozen<S, D>& weight) {
      const std::vector<S> values = host_values(weight);
      const auto cols = static_cast<std::size_t>(weight.shape().cols());
      std::vector<S> squares;
      for (std::size_t first = 0; first < values.size(); first += cols) {
        double sum = 0;
        for (std::size_t i = first; i < first + cols; ++i)
          sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
        squares.push_back(static_cast<S>(sum));
      }
      return squares;
    }

    typename Lora::template Instance<S, D> lora_;
    std::shared_ptr<BaseModel<S, D>> base_;  // keeps the weights
    std::deque<Place> places_;               // by Lora's place
    std::deque<Parameter<S, D>> magnitudes_;
    std::array<bool, projection_sites> biased_{};  // by site
  };

 private:
  /// Of a layer.
  Index magnitudes(const Sizes& sizes) const {
    Index all = 0;
    for (const Site site : lora.sites_in(sizes)) all += sizes.outputs(site);
    return all;
  }
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
