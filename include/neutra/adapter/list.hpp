/// Several adapters on one model.
#pragma once

#include "neutra/adapter/adapter.hpp"

#include <memory>
#include <tuple>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// Each adapter in turn adds to what the ones before it gave. Parameters are called "0.adapter...", "1.adapter..." in
/// the order of the list.
template <class... A> struct List {
  static constexpr std::string_view name = "list";
  std::tuple<A...> adapters;

  List() = default;
  explicit List(A... each) requires(sizeof...(A) > 0) : adapters(std::move(each)...) {}

  /// Those of each adapter, with its position in front: "0.gate", "1.rank".
  template <class Self, class Visit> static void settings(Self& self, const Visit& visit) {
    int position = 0;
    const auto each = [&](auto& adapter) {
      visit_settings(adapter, [&](std::string_view name, auto& member) { visit(concat(position, ".", name), member); });
      ++position;
    };
    std::apply([&](auto&... adapter) { (each(adapter), ...); }, self.adapters);
  }
  Description describe(const Sizes& sizes) const {
    static_assert((check_described<A>() && ...));
    Description all{.kind = std::string(name)};
    int position = 0;
    const auto add = [&](const Description& one) {
      for (const auto& [key, setting] : one.settings) all.settings[concat(position, ".", key)] = setting;
      all.weights += one.weights;
      ++position;
    };
    std::apply([&](const A&... each) { (add(each.describe(sizes)), ...); }, adapters);
    return all;
  }
  /// Those of the first that has any: a step divides all of them by the same.
  std::optional<penalty::Counts> local_loss() const {
    std::optional<penalty::Counts> first;
    std::apply([&](const A&... each) { ((first = first ? first : local_loss_of(each)), ...); }, adapters);
    return first;
  }

  template <Scalar S, Backend D> class Instance {
    static_assert((check_adapter<A, S, D>() && ...));

   public:
    Instance(const List& list, const Sizes& sizes, std::uint64_t seed)
        : instances_(attach(list, sizes, seed, std::index_sequence_for<A...>{})) {
      int position = 0;
      std::apply([&](auto&... each) { (rename(each->parameters(), position++), ...); }, instances_);
    }

    std::vector<Parameter<S, D>*> parameters() {
      std::vector<Parameter<S, D>*> all;
      const auto append = [&](const auto& more) { all.insert(all.end(), more.begin(), more.end()); };
      std::apply([&](auto&... each) { (append(each->parameters()), ...); }, instances_);
      return all;
    }

    bool acts_at(Site site) const {
      return std::apply([&](const auto&... each) { return (adapter::acts_at(*each, site) || ...); }, instances_);
    }
    Var<S, D> apply(Site site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>& pass) {
      std::apply(
          [&](auto&... each) { ((y = adapter::acts_at(*each, site) ? each->apply(site, layer, x, y, pass) : y), ...); },
          instances_);
      return y;
    }

   private:
    using Instances = std::tuple<std::unique_ptr<typename A::template Instance<S, D>>...>;

    /// The first keeps the list's seed, the others get one of their own: equal members that started with equal weights
    /// would stay equal.
    template <std::size_t... Position>
    static Instances attach(const List& list, const Sizes& sizes, std::uint64_t seed,
                            std::index_sequence<Position...>) {
      const Philox seeds(seed, "list");
      return {std::make_unique<typename A::template Instance<S, D>>(std::get<Position>(list.adapters), sizes,
                                                                    Position == 0 ? seed : seeds.bits(0, Position))...};
    }
    static void rename(const std::vector<Parameter<S, D>*>& parameters, int position) {
      for (auto* parameter : parameters) parameter->name = concat(position, ".", parameter->name);
    }
    Instances instances_;
  };
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
