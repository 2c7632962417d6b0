/// Several adapters on one model.
#pragma once

#include "neutra/adapter/adapter.hpp"

#include <tuple>

namespace neutra::inline NEUTRA_ABI::adapter {

/// Each adapter in turn adds to what the ones before it gave. Parameters are called "0.adapter...", "1.adapter..." in the order of the list.
template <class... A>
struct List {
  std::tuple<A...> adapters;

  explicit List(A... each) : adapters(std::move(each)...) {}

  Description describe(const Sizes& sizes) const {
    Description all{.method = "list"};
    std::apply([&](const A&... each) { (join(all, each.describe(sizes)), ...); }, adapters);
    return all;
  }

  template <Scalar S, Backend D>
  class Instance {
   public:
    Instance(const List& list, const Sizes& sizes, std::uint64_t seed)
        : instances_(std::apply([&](const A&... each) { return std::tuple(std::make_unique<typename A::template Instance<S, D>>(each, sizes, seed)...); },
                                list.adapters)) {
      int position = 0;
      std::apply([&](auto&... each) { (rename(each->parameters(), position++), ...); }, instances_);
    }

    std::vector<Parameter<S, D>*> parameters() {
      std::vector<Parameter<S, D>*> all;
      const auto append = [&](const auto& more) { all.insert(all.end(), more.begin(), more.end()); };
      std::apply([&](auto&... each) { (append(each->parameters()), ...); }, instances_);
      return all;
    }

    Var<S, D> add(Site site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>& pass) {
      std::apply([&](auto&... each) { ((y = each->add(site, layer, x, y, pass)), ...); }, instances_);
      return y;
    }

   private:
    static void rename(const std::vector<Parameter<S, D>*>& parameters, int position) {
      for (auto* parameter : parameters) parameter->name = concat(position, ".", parameter->name);
    }
    std::tuple<std::unique_ptr<typename A::template Instance<S, D>>...> instances_;
  };

 private:
  static void join(Description& all, const Description& one) {
    all.sites += concat(all.sites.empty() ? "" : "+", one.method);
    all.weights += one.weights;
  }
};

}  // namespace neutra::inline NEUTRA_ABI::adapter
