/// Several adapters on one model.
#pragma once

#include "neutra/adapter/attached.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// A list attached to a model: each member in turn changes the output of those before it, attenuated on its own
/// (Attenuation::members). Parameters are called "0.adapter...", "1.adapter..." in the order of the list.
template <Scalar S, Backend D> class ListInstance {
 public:
  /// L: a list, whose visit_members(visit) calls visit(adapter) for each.
  template <class L>
  ListInstance(const L& list, const Sizes& sizes, std::uint64_t seed, const std::shared_ptr<BaseModel<S, D>>& base) {
    const Philox seeds(seed, "list");
    list.visit_members([&]<class A>(const A& adapter) {
      static_assert(check_adapter<A, S, D>());
      // The first keeps the list's seed. The others get their own: equal members with equal weights would stay equal.
      const std::size_t position = members_.size();
      const std::uint64_t own = position == 0 ? seed : seeds.bits(0, position);
      members_.push_back(std::make_unique<AttachedInstance<A, S, D>>(adapter, sizes, own, base));
      for (auto* parameter : members_.back()->parameters()) parameter->name = concat(position, ".", parameter->name);
    });
  }

  std::vector<Parameter<S, D>*> parameters() {
    std::vector<Parameter<S, D>*> all;
    for (const auto& member : members_)
      for (auto* parameter : member->parameters()) all.push_back(parameter);
    return all;
  }
  bool acts_at(Site site, const PassAttenuation& by = {}) const {
    for (std::size_t i = 0; i < members_.size(); ++i)
      if (members_[i]->acts_at(site, by.member(i))) return true;
    return false;
  }
  /// Error: attenuations of another number of members.
  void check_attenuation(const Attenuation& attenuation) const {
    const std::size_t given = attenuation.members.size();
    require(given == 0 || given == members_.size(), "attenuation: the list has ", members_.size(),
            " adapters, got the attenuation of ", given, "; give one for each, or none");
    for (std::size_t i = 0; i < given; ++i) members_[i]->check_attenuation(attenuation.members[i]);
  }
  Var<S, D> apply(Site site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>& pass) {
    const PassAttenuation of_list = pass.attenuation;
    for (std::size_t i = 0; i < members_.size(); ++i) {
      pass.attenuation = of_list.member(i);
      y = attenuated(*members_[i], site, layer, x, y, pass);
    }
    pass.attenuation = of_list;
    return y;
  }
  WeightChanges<S> weight_changes() {
    WeightChanges<S> all;
    for (const auto& member : members_) all.add(member->weight_changes());
    return all;
  }

 private:
  std::vector<std::unique_ptr<Attached<S, D>>> members_;
};

namespace detail {

/// Adds the kind and the settings of the member at `position`: {"1", "lora"}, {"1.rank", 4}.
inline void add_member(Settings& all, std::size_t position, const std::string& kind, const Settings& settings) {
  all[concat(position)] = kind;
  for (const auto& [key, setting] : settings) all[concat(position, ".", key)] = setting;
}

template <class L> Description describe_members(const L& list, const Sizes& sizes) {
  Description all{.kind = std::string(L::name)};
  std::size_t position = 0;
  list.visit_members([&](const auto& adapter) {
    const Description one = adapter.describe(sizes);
    add_member(all.settings, position++, one.kind, one.settings);
    all.weights += one.weights;
  });
  return all;
}

/// That of the first member that has one: a step divides all local losses by the same number.
template <class L> std::optional<penalty::Counts> local_loss_of_members(const L& list) {
  std::optional<penalty::Counts> first;
  list.visit_members([&](const auto& adapter) { first = first ? first : local_loss_of(adapter); });
  return first;
}

/// Whether a member cannot extend a model that has an adapter already.
template <class L> bool one_must_be_first(const L& list) {
  bool one = false;
  list.visit_members([&](const auto& adapter) { one = one || must_be_first(adapter); });
  return one;
}

}  // namespace detail

/// Adapters chosen at compile time.
template <class... A> struct List {
  static constexpr std::string_view name = "list";
  std::tuple<A...> adapters;

  List() = default;
  explicit List(A... each) requires(sizeof...(A) > 0) : adapters(std::move(each)...) {}

  template <Scalar S, Backend D> using Instance = ListInstance<S, D>;

  template <class Visit> void visit_members(const Visit& visit) const {
    std::apply([&](const A&... each) { (visit(each), ...); }, adapters);
  }
  /// The kind of each adapter under its position, "0", and its settings behind a point, "0.rank".
  /// Error (SettingError): a kind that is not the member's own.
  template <class Self, class Visit> static void settings(Self& self, const Visit& visit) {
    std::size_t position = 0;
    const auto each = [&]<class Member>(Member& adapter) {
      const std::string key = concat(position++), own(Member::name);
      std::string kind = own;
      visit(key, kind);
      if (kind != own) throw SettingError(key, concat(" must be ", own, ", which is compiled in, got '", kind, "'"));
      visit_settings(adapter, [&](std::string_view name, auto& member) { visit(concat(key, ".", name), member); });
    };
    std::apply([&](auto&... adapter) { (each(adapter), ...); }, self.adapters);
  }
  Description describe(const Sizes& sizes) const {
    static_assert((check_described<A>() && ...));
    return detail::describe_members(*this, sizes);
  }
  std::optional<penalty::Counts> local_loss() const { return detail::local_loss_of_members(*this); }
  bool must_be_first() const { return detail::one_must_be_first(*this); }
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
