/// Policies by name: what programs choose from.
#pragma once

#include "neutra/adapter/any.hpp"
#include "neutra/adapter/lora.hpp"
#include "neutra/adapter/none.hpp"
#include "neutra/adapter/residue.hpp"
#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/body/all.hpp"
#include "neutra/body/any.hpp"
#include "neutra/core/nearest.hpp"
#include "neutra/core/types.hpp"
#include "neutra/gate/all.hpp"
#include "neutra/gate/any.hpp"
#include "neutra/init/all.hpp"
#include "neutra/init/any.hpp"
#include "neutra/penalty/all.hpp"
#include "neutra/penalty/any.hpp"

#include <map>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// A residue whose policies are chosen at run time.
using AnyResidue = adapter::Residue<gate::Any<float, Cpu>, body::Any<float, Cpu>, penalty::Any<float, Cpu>, init::Any>;

/// Named members of one policy family.
template <class Any> class Family {
 public:
  explicit Family(std::string_view what) : what_(what) {}
  void add(std::string_view name, const Any& policy) {
    require(members_.emplace(name, policy).second, "the ", what_, " '", name,
            "' is there twice; give yours another name");
  }
  /// Error: an unknown name, with the nearest one and all there are; the message begins with the file that named it,
  /// else the option.
  const Any& find(std::string_view name, const std::string& file = "") const {
    const auto found = members_.find(std::string(name));
    if (found != members_.end()) return found->second;
    fail(file.empty() ? concat("--", what_) : file, ": there is no ", what_, " called '", name, "'",
         suggestion(name, names()), "; known: ", listed(names()));
  }
  /// All names, sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& member : members_) all.push_back(member.first);
    return all;
  }

 private:
  std::string_view what_;
  std::map<std::string, Any> members_;
};

struct Registry;
/// The library's bodies, penalties and initialisations, and the gates of the list.
template <class Gates> Registry of_library();

/// All policies a program knows: the library's and the user's own.
struct Registry {
  Family<gate::Any<float, Cpu>> gates{"gate"};
  Family<body::Any<float, Cpu>> bodies{"body"};
  Family<penalty::Any<float, Cpu>> penalties{"penalty"};
  Family<init::Any> inits{"init"};

  /// One sentence for what is wrong with a policy of whatever family.
  template <class Policy> static consteval bool check() {
    static_assert(Gate<Policy> || Penalty<Policy> || Init<Policy> || Body<Policy>,
                  "neutra: this type is no gate, penalty, initialisation or body; "
                  "static_assert(neutra::check_gate<P>()), or check_penalty, check_init, "
                  "check_body, says what it lacks");
    if constexpr (Gate<Policy>) return check_gate<Policy>();
    if constexpr (Penalty<Policy>) return check_penalty<Policy>();
    return true;
  }

  /// Puts a policy into the family it belongs to.
  template <class Policy> void add() {
    static_assert(check<Policy>());
    if constexpr (Gate<Policy>)
      gates.add(Policy::name, Policy{});
    else if constexpr (Penalty<Policy>)
      penalties.add(Policy::name, Policy{});
    else if constexpr (Init<Policy>)
      inits.add(Policy::name, Policy{});
    else if constexpr (Body<Policy>)
      bodies.add(Policy::name, Policy{});
  }

  /// The library's bodies, penalties and initialisations, the gates of the list, and the user's own policies of any
  /// family.
  template <class Gates, class... Own> static Registry with() {
    Registry registry = of_library<Gates>();
    for_each_type(Types<Own...>{}, [&]<class Policy>() { registry.add<Policy>(); });
    return registry;
  }

  /// The adapter that a description speaks of. Error: an unknown method, policy, placement or projection, by the file
  /// that the description is from.
  Any<float, Cpu> make(const adapter::Description& d, const std::string& file = "adapter") const {
    if (d.method == "none") return adapter::None{};
    if (d.method == "lora") {
      adapter::Lora lora;
      lora.sites = sites(d.sites, file);
      lora.scale = d.scale;
      lora.rank = d.rank;
      return lora;
    }
    require(d.method == "residue", file, ": the method must be none, lora or residue, got '", d.method, "'");
    return AnyResidue{.gate = gates.find(d.gate, file),
                      .body = bodies.find(d.body, file),
                      .penalty = penalties.find(d.penalty, file),
                      .init = inits.find(d.init, file),
                      .placement = placement(d.placement, file),
                      .width = d.width};
  }

  static adapter::Placement placement(std::string_view name, const std::string& file = "") {
    for (std::size_t i = 0; i < adapter::placement_names.size(); ++i)
      if (adapter::placement_names[i] == name) return static_cast<adapter::Placement>(i);
    fail(file.empty() ? "--placement" : file + ": placement", " must be parallel, after or attention, got '", name,
         "'");
  }
  /// "q,v" to sites.
  static std::vector<adapter::Site> sites(std::string_view list, const std::string& file = "") {
    std::vector<adapter::Site> chosen;
    for (std::size_t first = 0; first <= list.size();) {
      const std::size_t comma = std::min(list.find(',', first), list.size());
      const auto name = list.substr(first, comma - first);
      const auto names = site_names();
      const auto found = std::find(names.begin(), names.end(), name);
      require(found != names.end(), file.empty() ? "--lora-targets" : file + ": sites",
              " must be among q k v o gate up down, got '", name, "'");
      chosen.push_back(static_cast<adapter::Site>(found - names.begin()));
      first = comma + 1;
    }
    return chosen;
  }
  /// What may be chosen: the projections, which stand first among the sites.
  static std::vector<std::string> site_names() {
    return {adapter::site_names.begin(), adapter::site_names.begin() + adapter::projection_sites};
  }
  static std::vector<std::string> placement_names() {
    return {adapter::placement_names.begin(), adapter::placement_names.end()};
  }
};

template <class Gates> Registry of_library() {
  Registry registry;
  const auto add = [&]<class Policy>() { registry.add<Policy>(); };
  for_each_type(Gates{}, add);
  for_each_type(body::All{}, add);
  for_each_type(penalty::All{}, add);
  for_each_type(init::All{}, add);
  return registry;
}

#if defined(NEUTRA_COMPILED)
extern template Registry of_library<gate::All>();
#endif

}}}  // namespace neutra::NEUTRA_ABI::adapter
