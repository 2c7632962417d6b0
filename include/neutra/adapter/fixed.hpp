/// An adapter that is trained already, and part of the model that another is trained on.
#pragma once

#include "neutra/adapter/any.hpp"

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// An adapter with given weights, which stay as they are: no gradient of them is computed, and they have no optimizer
/// state. It has no local loss, and a probe does not count it. Gradients flow through it to the layers below.
///     AnyList<S, D>{{Fixed<S, D>{danish, weights}, hungarian}}     trains the second alone
template <Scalar S, Backend D> struct Fixed {
  static constexpr std::string_view name = "fixed";
  Any<S, D> adapter;
  std::shared_ptr<const std::vector<Tensor<S>>> weights;  // on the host, in the order of its parameters

  /// That of the adapter itself: what is saved of it does not say that it was fixed.
  Description describe(const Sizes& sizes) const { return adapter.describe(sizes); }

  template <Scalar T, Backend E> class Instance {
   public:
    /// Error: weights of another number or shape than those of the adapter in this model.
    Instance(const Fixed& fixed, const Sizes& sizes, std::uint64_t seed, std::shared_ptr<BaseModel<S, D>> base)
        : held_(fixed.adapter, sizes, seed, std::move(base)) {
      const auto all = held_.parameters();
      require(fixed.weights && fixed.weights->size() == all.size(), "fixed: the adapter has ", all.size(),
              " parameters in this model, but got the weights of ", fixed.weights ? fixed.weights->size() : 0);
      for (std::size_t i = 0; i < all.size(); ++i) fix(*all[i], (*fixed.weights)[i]);
    }
    std::vector<Parameter<S, D>*> parameters() { return held_.parameters(); }
    bool acts_at(Site site, const PassAttenuation& by = {}) const { return held_.acts_at(site, by); }
    void check_attenuation(const Attenuation& attenuation) const { held_.check_attenuation(attenuation); }
    Var<S, D> apply(Site site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>& pass) {
      Pass<S, D> own{.tape = pass.tape,
                     .domains = pass.domains,
                     .tokens = pass.tokens,
                     .local_losses = false,
                     .attenuation = pass.attenuation};
      return held_.apply(site, layer, x, y, own);
    }
    WeightChanges<S> weight_changes() { return held_.weight_changes(); }

   private:
    static void fix(Parameter<S, D>& parameter, const Tensor<S>& weights) {
      require(weights.shape() == parameter.value.shape(), "fixed: ", parameter.name, " must be ",
              parameter.value.shape(), ", got weights of shape ", weights.shape());
      D::template upload<S>(std::span<const S>(weights.data(), static_cast<std::size_t>(weights.size())),
                            parameter.value.data());
      parameter.trained = false;
      for (auto* unused : {&parameter.gradient, &parameter.mean, &parameter.variance}) *unused = {};
    }

    typename Any<S, D>::template Instance<S, D> held_;
  };
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
