/// Several adapters on one model, chosen at run time.
#pragma once

#include "neutra/adapter/any.hpp"
#include "neutra/adapter/list.hpp"

#include <cstddef>
#include <optional>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// A List whose members are Any.
template <Scalar S, Backend D> struct AnyList {
  static constexpr std::string_view name = "list";
  std::vector<Any<S, D>> adapters{};

  template <Scalar T, Backend E> using Instance = ListInstance<T, E>;

  template <class Visit> void visit_members(const Visit& visit) const {
    for (const Any<S, D>& adapter : adapters) visit(adapter);
  }
  Description describe(const Sizes& sizes) const { return detail::describe_members(*this, sizes); }
  std::optional<penalty::Counts> local_loss() const { return detail::local_loss_of_members(*this); }
  bool must_be_first() const { return detail::one_must_be_first(*this); }
  AnyList allotted(const SimilarityOf& of) const {
    AnyList all;
    for (const Any<S, D>& adapter : adapters) all.adapters.push_back(adapter.allotted(of));
    return all;
  }
};

/// Those of the members, as of a List.
template <Scalar S, Backend D> Settings settings_of(const AnyList<S, D>& list) {
  Settings all;
  for (std::size_t i = 0; i < list.adapters.size(); ++i)
    detail::add_member(all, i, list.adapters[i].kind(), list.adapters[i].settings());
  return all;
}

}}}  // namespace neutra::NEUTRA_ABI::adapter
