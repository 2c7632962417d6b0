/// Adapters and policies by name, from which programs choose.
#pragma once

#include "neutra/adapter/any.hpp"
#include "neutra/adapter/any_list.hpp"
#include "neutra/adapter/control_llm.hpp"
#include "neutra/adapter/dora.hpp"
#include "neutra/adapter/llama_pro.hpp"
#include "neutra/adapter/lora.hpp"
#include "neutra/adapter/moe_lpr.hpp"
#include "neutra/adapter/none.hpp"
#include "neutra/adapter/oplora.hpp"
#include "neutra/adapter/residue.hpp"
#include "neutra/backend/device.hpp"
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

#include <functional>
#include <map>
#include <set>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// A residue whose policies are chosen at run time.
using AnyResidue = adapter::Residue<gate::Any<float, DefaultDevice>, body::Any<float, DefaultDevice>,
                                    penalty::Any<float, DefaultDevice>, init::Any>;

/// The members of one policy family by name, each made with its own options.
template <class Any> class Family {
 public:
  explicit Family(std::string_view what) : what_(what) {}

  /// `shown` is its entry in lists of names; several policies may share one, such as two_layer(GATE). A policy shown
  /// under its own name replaces one that is not. Error: another policy of that name.
  template <class Policy> void add(std::string_view shown = Policy::name) {
    const auto make = [](const PolicyOptions& options) { return Any(with_options(Policy{}, options)); };
    const auto found = members_.find(std::string(Policy::name));
    require(found == members_.end() || found->second.shown != Policy::name, "the ", what_, " '", Policy::name,
            "' is there twice; give yours another name");
    members_.insert_or_assign(std::string(Policy::name), Member{make, std::string(shown)});
  }
  bool contains(std::string_view name) const { return members_.contains(std::string(name)); }
  /// Error (SettingError of `key`): an unknown name, with the nearest and all known ones; options that the policy does
  /// not have.
  Any make(std::string_view name, const PolicyOptions& options = {}, const std::string& key = {}) const {
    const std::string own_key = key.empty() ? std::string(what_) : key;
    const auto found = members_.find(std::string(name));
    if (found == members_.end())
      throw SettingError(own_key, concat(": there is no ", what_, " called '", name, "'", suggestion(name, all()),
                                         "; known: ", listed(names())));
    try {
      return found->second.make(options);
    } catch (const Error& error) {
      throw SettingError(own_key, concat(": ", error.what()));
    }
  }
  /// The names to choose from, sorted.
  std::vector<std::string> names() const {
    std::set<std::string> shown;
    for (const auto& member : members_) shown.insert(member.second.shown);
    return {shown.begin(), shown.end()};
  }

 private:
  struct Member {
    std::function<Any(const PolicyOptions&)> make;
    std::string shown;
  };

  std::vector<std::string> all() const {
    std::vector<std::string> names;
    for (const auto& member : members_) names.push_back(member.first);
    return names;
  }

  std::string_view what_;
  std::map<std::string, Member> members_;
};

struct Registry;
/// The library's adapters, bodies, penalties and initialisations, and the gates of the list with their wrappers.
template <class Gates> Registry of_library();

/// All adapters and policies a program knows: the library's and the user's own.
struct Registry {
  /// A kind of adapter: how one is made, and its default settings.
  struct Kind {
    std::function<Any<float, DefaultDevice>(const Settings&, const Registry&)> make;
    Settings defaults;
  };

  Family<gate::Any<float, DefaultDevice>> gates{"gate"};
  Family<body::Any<float, DefaultDevice>> bodies{"body"};
  Family<penalty::Any<float, DefaultDevice>> penalties{"penalty"};
  Family<init::Any> inits{"init"};
  std::map<std::string, Kind> kinds;

  template <class A> static constexpr bool is_adapter = adapter::detail::HasInstance<A, float, DefaultDevice>;

  /// One message for what is wrong with an adapter, or with a policy of any family.
  template <class Own> static consteval bool check() {
    if constexpr (is_adapter<Own>) {
      static_assert(std::default_initializable<Own>,
                    "neutra: this adapter cannot be made without arguments; give its settings values to begin with");
      return check_adapter<Own, float, DefaultDevice>() && check_described<Own>();
    } else {
      static_assert(Gate<Own> || Penalty<Own> || Init<Own> || Body<Own>,
                    "neutra: this type is no gate, penalty, initialisation or body; "
                    "static_assert(neutra::check_gate<P>()), or check_penalty, check_init, "
                    "check_body, says what it lacks");
      if constexpr (Gate<Own>) return check_gate<Own>();
      if constexpr (Penalty<Own>) return check_penalty<Own>();
      return true;
    }
  }

  /// Adds a policy to its family, or an adapter to the kinds.
  template <class Own> void add() {
    static_assert(check<Own>());
    if constexpr (is_adapter<Own>)
      add_kind(Own{});
    else if constexpr (Gate<Own>)
      gates.add<Own>();
    else if constexpr (Penalty<Own>)
      penalties.add<Own>();
    else if constexpr (Init<Own>)
      inits.add<Own>();
    else if constexpr (Body<Own>)
      bodies.add<Own>();
  }
  template <class A> void add_kind(const A& prototype) {
    const auto make = [prototype](const Settings& settings, const Registry& registry) -> Any<float, DefaultDevice> {
      return with_settings(prototype, settings, registry);
    };
    require(kinds.emplace(A::name, Kind{make, settings_of(prototype)}).second, "the adapter '", A::name,
            "' is there twice; give yours another name");
  }

  /// Adds a gate in each wrapper that takes it, unless the wrapped gate is there already.
  template <class G> void add_wrapped() {
    if constexpr (Gate<G>) {
      if constexpr (gate::plain<G>)
        for_each_type(gate::Wrapped<G>{}, [&]<class W>() {
          if (!gates.contains(W::name)) gates.add<W>(gate::shown_wrapped<W, G>());
        });
    }
  }

  /// The library's adapters, bodies, penalties and initialisations, the gates of the list with every wrapper that takes
  /// one, and the user's own adapters and policies of any family.
  template <class Gates, class... Own> static Registry with() {
    Registry registry = of_library<Gates>();
    for_each_type(Types<Own...>{}, [&]<class Policy>() { registry.add<Policy>(); });
    for_each_type(Types<Own...>{}, [&]<class G>() { registry.add_wrapped<G>(); });
    return registry;
  }

  /// Error (SettingError): an unknown kind; a setting that it does not have; an invalid value.
  Any<float, DefaultDevice> make(const std::string& kind, const Settings& settings) const {
    const auto found = kinds.find(kind);
    if (found != kinds.end()) return found->second.make(settings, *this);
    throw SettingError("kind", concat(": there is no adapter called '", kind, "'", suggestion(kind, kind_names()),
                                      "; known: ", listed(kind_names())));
  }
  /// A list of the members that the settings name by position: {"0", "lora"}, {"0.rank", 4}, {"1", "residue"}.
  /// Error (SettingError): no member; one that cannot be made; a setting of no member.
  Any<float, DefaultDevice> make_list(Settings settings) const {
    const std::string advice = "; write its members, as in  list(lora(rank=4), residue)";
    if (settings.empty()) throw SettingError("list", " must have a member" + advice);
    AnyList<float, DefaultDevice> list;
    while (!settings.empty()) {
      const std::string key = concat(list.adapters.size());
      const auto kind = settings.extract(key);
      if (!kind) throw SettingError(settings.begin()->first, " is no setting of list" + advice);
      const Settings own = detail::take_below(settings, key);
      try {
        list.adapters.push_back(make(text_of(kind.mapped()), own));
      } catch (const SettingError& error) {
        throw SettingError(error.key() == "kind" ? key : concat(key, ".", error.key()), error.rule());
      }
    }
    return list;
  }
  std::vector<std::string> kind_names() const {
    std::vector<std::string> names;
    for (const auto& kind : kinds) names.push_back(kind.first);
    return names;
  }

  /// Sets a member of an adapter to the policy of that name (see with_settings).
  void set(gate::Any<float, DefaultDevice>& member, const std::string& key, const std::string& name,
           const PolicyOptions& options) const {
    member = gates.make(name, options, key);
  }
  void set(body::Any<float, DefaultDevice>& member, const std::string& key, const std::string& name,
           const PolicyOptions& options) const {
    member = bodies.make(name, options, key);
  }
  void set(penalty::Any<float, DefaultDevice>& member, const std::string& key, const std::string& name,
           const PolicyOptions& options) const {
    member = penalties.make(name, options, key);
  }
  void set(init::Any& member, const std::string& key, const std::string& name, const PolicyOptions& options) const {
    member = inits.make(name, options, key);
  }
  /// Sets the options of a policy chosen at compile time. Error: another name.
  template <class Policy>
  void set(Policy& member, const std::string& key, const std::string& name, const PolicyOptions& options) const {
    if (name != Policy::name)
      throw SettingError(key, concat(" must be ", Policy::name, ", which is compiled in, got '", name, "'"));
    try {
      member = with_options(member, options);
    } catch (const Error& error) {
      throw SettingError(key, concat(": ", error.what()));
    }
  }
};

template <class Gates> Registry of_library() {
  Registry registry;
  const auto add = [&]<class Policy>() { registry.add<Policy>(); };
  for_each_type(Gates{}, add);
  for_each_type(body::All{}, add);
  for_each_type(penalty::All{}, add);
  for_each_type(init::All{}, add);
  for_each_type(Types<None, Lora, Dora, OpLora, LlamaPro, ControlLlm, MoeLpr>{}, add);
  registry.add_kind(AnyResidue{
      .gate = gate::Relu{}, .body = body::GatedUnit{}, .penalty = penalty::L1{}, .init = init::LowVariance{}});
  registry.kinds.emplace(
      AnyList<float, DefaultDevice>::name,
      Registry::Kind{[](const Settings& settings, const Registry& all) { return all.make_list(settings); }, {}});
  for_each_type(Gates{}, [&]<class G>() { registry.add_wrapped<G>(); });
  return registry;
}

#if defined(NEUTRA_COMPILED)
extern template Registry of_library<gate::All>();
#endif

}}}  // namespace neutra::NEUTRA_ABI::adapter
