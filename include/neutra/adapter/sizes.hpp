/// Where an adapter may stand in a model, and how wide the model is there.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/core/settings.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// The seven projections of a layer, and its two blocks (read after the norm, before the residual sum).
enum class Site { q, k, v, o, gate, up, down, attention, ffn };

inline constexpr std::array<std::string_view, 9> site_names = {"q",  "k",    "v",         "o",  "gate",
                                                               "up", "down", "attention", "ffn"};

inline std::string_view to_string(Site site) { return site_names[static_cast<std::size_t>(site)]; }

/// "q|v": the setting that a choice of projections is.
inline Setting setting_of(const std::vector<Site>& sites) {
  std::string text;
  for (const Site site : sites) text += concat(text.empty() ? "" : "|", to_string(site));
  return text;
}
/// "q|v" to sites. Error (SettingError): what is no projection; these stand first among the sites.
inline void read_setting(const std::string& key, const Setting& setting, std::vector<Site>& sites) {
  const std::string list = text_of(setting);
  sites.clear();
  for (std::size_t first = 0; first <= list.size();) {
    const std::size_t bar = std::min(list.find('|', first), list.size());
    const std::string name = list.substr(first, bar - first);
    const auto end = site_names.begin() + 7, found = std::find(site_names.begin(), end, name);
    if (found == end) throw SettingError(key, concat(" must be among q k v o gate up down, got '", name, "'"));
    sites.push_back(static_cast<Site>(found - site_names.begin()));
    first = bar + 1;
  }
}

/// Widths of the model an adapter is attached to.
struct Sizes {
  Index dim = 0, layers = 0;
  Index query_width = 0, kv_width = 0;  // heads * head width
  Index ffn = 0;

  /// Columns of a projection, or the width a block reads.
  Index inputs(Site site) const {
    switch (site) {
      case Site::o:
        return query_width;
      case Site::down:
        return ffn;
      default:
        return dim;
    }
  }
  /// Rows of a projection, or the width a block writes.
  Index outputs(Site site) const {
    switch (site) {
      case Site::q:
        return query_width;
      case Site::k:
      case Site::v:
        return kv_width;
      case Site::gate:
      case Site::up:
        return ffn;
      default:
        return dim;
    }
  }
  /// Weights of all blocks, their norms included, embedding, head and final norm not: what capacity is a share of.
  Index block_weights() const {
    Index weights = 2 * dim;
    for (const Site site : {Site::q, Site::k, Site::v, Site::o, Site::gate, Site::up, Site::down})
      weights += inputs(site) * outputs(site);
    return layers * weights;
  }
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
