/// Several saved adapters on one model, each of which can be switched off.
#pragma once

#include "neutra/adapter/any_list.hpp"
#include "neutra/train/saved_adapter.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// Error: adapters that do not go together: a file given twice; one that holds another, since it was trained on top of
/// it; behind another, one that assumes to be the first. The message names the files.
inline void check_together(const std::vector<SavedAdapter>& all) {
  if (all.size() < 2) return;
  std::vector<std::string> sums;
  for (const SavedAdapter& saved : all) sums.push_back(saved.sha256());
  for (std::size_t one = 0; one < all.size(); ++one) {
    const std::string name = all[one].path.string();
    require(one == 0 || !all[one].adapter.must_be_first(), name, ": ", all[one].adapter.kind(),
            " must come before any other adapter, since it changes what the model alone computes, got it behind ",
            all.front().path.string(), "; name it first, and only one of its kind");
    for (std::size_t other = 0; other < all.size(); ++other) {
      const std::string of_other = all[other].path.string();
      const auto& held = all[one].file.trained_on;
      require(other >= one || sums[other] != sums[one], name, ": every adapter must be given once, but ", of_other,
              " holds the same; leave one out");
      require(std::find(held.begin(), held.end(), sums[other]) == held.end(), name, ": was trained on top of ",
              of_other, " and holds it, so that both would apply it twice; leave out ", of_other);
    }
  }
}

/// For each saved adapter a model with it alone. base(): the identity of the backbone; called once, and only if a file
/// names the base that it belongs to, because it takes a pass over all weights. Error: for each, those of load_adapter.
template <class Base>
std::vector<std::unique_ptr<Model>> load_each(const std::shared_ptr<const Backbone>& backbone,
                                              const std::vector<SavedAdapter>& all, const Base& base) {
  std::optional<nn::Base> known;
  const auto once = [&]() -> const nn::Base& {
    if (!known) known = base();
    return *known;
  };
  std::vector<std::unique_ptr<Model>> each;
  for (const SavedAdapter& saved : all) each.push_back(load_adapter(backbone, saved, once));
  return each;
}

/// A model on a backbone that other models may share, with saved adapters, each of which changes what those before it
/// leave; none: the backbone alone. Of several, the adapter is a list, whose members Attenuation::members scales and
/// switches off. all: as check_together accepts them   base(): see load_each. Error: for each, those of load_adapter.
template <class Base>
std::unique_ptr<Model> load_adapters(const std::shared_ptr<const Backbone>& backbone,
                                     const std::vector<SavedAdapter>& all, const Base& base) {
  if (all.empty()) return std::make_unique<Model>(backbone, adapter::None{});
  auto each = load_each(backbone, all, base);
  if (each.size() == 1) return std::move(each.front());
  adapter::AnyList<float, DefaultDevice> list;
  for (const SavedAdapter& saved : all) list.adapters.push_back(saved.adapter_for(backbone->config()));
  auto model = std::make_unique<Model>(backbone, list);
  const auto parameters = model->parameters();
  std::size_t next = 0;
  for (const auto& one : each)
    for (auto* from : one->parameters()) parameters.at(next++)->value = std::move(from->value);
  return model;
}

}}}  // namespace neutra::NEUTRA_ABI::train
