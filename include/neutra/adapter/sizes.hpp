/// The sites at which an adapter may act in a model, and their widths.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/core/settings.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// The projections of a layer; its two blocks, whose input is normalised and whose output is added to the residual
/// stream; and the whole layer, whose input and output are the residual stream. A model has the sites that its family
/// names.
enum class Site { q, k, v, o, gate, up, down, attention, ffn, layer };

inline constexpr std::array<std::string_view, 10> site_names = {"q",  "k",    "v",         "o",   "gate",
                                                                "up", "down", "attention", "ffn", "layer"};
inline constexpr std::size_t projection_sites = 7;  // they come first

inline std::string_view to_string(Site site) { return site_names[static_cast<std::size_t>(site)]; }

/// "q|v": a choice of projections as a setting.
inline Setting setting_of(const std::vector<Site>& sites) {
  std::string text;
  for (const Site site : sites) text += concat(text.empty() ? "" : "|", to_string(site));
  return text;
}
/// "q|v" to sites. Error (SettingError): a name that is no projection.
inline void read_setting(const std::string& key, const Setting& setting, std::vector<Site>& sites) {
  const std::string list = text_of(setting);
  sites.clear();
  for (std::size_t first = 0; first <= list.size();) {
    const std::size_t bar = std::min(list.find('|', first), list.size());
    const std::string name = list.substr(first, bar - first);
    const auto end = site_names.begin() + projection_sites;
    const auto found = std::find(site_names.begin(), end, name);
    if (found == end) throw SettingError(key, concat(" must be among q k v o gate up down, got '", name, "'"));
    sites.push_back(static_cast<Site>(found - site_names.begin()));
    first = bar + 1;
  }
}

/// Widths of the model an adapter is attached to (see nn::Config::sizes).
struct Sizes {
  struct Matrix {
    Index inputs = 0, outputs = 0;
  };

  Index dim = 0, layers = 0;
  Index layer_weights = 0;                             // of one layer, norms and biases included
  Index ffn_weights = 0;                               // of these, those of the FFN: projections and their biases
  std::array<Matrix, projection_sites> projections{};  // empty if the family has no such projection

  bool has(Site site) const { return !is_projection(site) || inputs(site) > 0; }
  /// Columns of a projection, or the width a block reads.
  Index inputs(Site site) const {
    return is_projection(site) ? projections[static_cast<std::size_t>(site)].inputs : dim;
  }
  /// Rows of a projection, or the width a block writes.
  Index outputs(Site site) const {
    return is_projection(site) ? projections[static_cast<std::size_t>(site)].outputs : dim;
  }
  /// Weights of all layers, without embeddings, head and final norm. Capacity is a share of them.
  Index block_weights() const { return layers * layer_weights; }

  static bool is_projection(Site site) { return static_cast<std::size_t>(site) < projection_sites; }
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
