/// Where an adapter may stand in a model, and how wide the model is there.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"

#include <array>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// The seven projections of a layer; its two blocks, which read the stream normed and write before the residual sum;
/// and the layer as a whole, which reads and writes the residual stream itself.
enum class Site { q, k, v, o, gate, up, down, attention, ffn, layer };

inline constexpr std::array<std::string_view, 10> site_names = {"q",  "k",    "v",         "o",   "gate",
                                                                "up", "down", "attention", "ffn", "layer"};

inline std::string_view to_string(Site site) { return site_names[static_cast<std::size_t>(site)]; }

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
