/// One extension run: its method, rate, alpha and seed.
#pragma once

#include "neutra/core/settings.hpp"
#include "neutra/io/sha256.hpp"
#include "neutra/io/utf8.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// A label as the name of a folder. Characters other than letters, digits and harmless signs are escaped, as in %1f. A
/// long label ends with its hash, so that no two labels share a folder.
inline std::string folder_name(std::string_view label) {
  std::string name;
  for (const char c : label) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    const bool plain =
        letter || std::string_view("_-+=, ").find(c) != std::string_view::npos || (c == '.' && !name.empty());
    name += plain ? std::string(1, c) : "%" + io::hex_byte(c).substr(2);
  }
  constexpr std::size_t most = 120;
  return name.size() <= most ? name : name.substr(0, most - 17) + "~" + io::sha256_hex(label).substr(0, 16);
}

/// One run of a method.
struct Run {
  std::string label{};
  std::string kind{};   // of its adapter
  Settings settings{};  // all settings of its adapter, including options of policies, and what trains
  std::uint64_t seed = 0;
  Index steps = 0;
  double lr = 0;
  std::optional<double> alpha{};  // empty where the adapter has no local loss
  double share = 0;               // of original-domain sequences, in [0, 1]

  /// The name of its folder: "neutral-lr0.002-alpha0.1-seed1".
  std::string name() const {
    return concat(folder_name(label), "-lr", lr, alpha ? concat("-alpha", *alpha) : "", "-seed", seed);
  }
  bool operator==(const Run&) const = default;
};

namespace detail {

/// The keys of a run, one list for reading and writing.
template <class Visitor, class R> void visit_run(Visitor& visit, R& run) {
  visit("label", run.label);
  visit("kind", run.kind);
  visit("settings", run.settings);
  visit("seed", run.seed);
  visit("steps", run.steps);
  visit("lr", run.lr);
  visit("alpha", run.alpha);
  visit("share", run.share);
}

}  // namespace detail

}}}  // namespace neutra::NEUTRA_ABI::study
