/// How many experts each layer gets, as a setting, and their allotment by similarity.
#pragma once

#include "neutra/adapter/layers.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// A number for every layer, "2", or one for each, "3|1|0|2".
struct ExpertCounts {
  static constexpr Index most = 65535;  // in a layer: what take_layer reads
  std::vector<Index> by_layer{1};

  bool operator==(const ExpertCounts&) const = default;

  /// Those of the layers of a model. Error: as many numbers as it has layers are needed, or one; each is from 0 to
  /// `most`, and one is above 0; `what` begins the message.
  std::vector<Index> in(const Sizes& sizes, std::string_view what) const {
    const auto given = static_cast<Index>(by_layer.size());
    require(given == 1 || given == sizes.layers, what, ": experts must be one number, or one for each of the ",
            sizes.layers, " layers, got ", given, " numbers");
    const auto outside =
        std::find_if(by_layer.begin(), by_layer.end(), [](Index count) { return count < 0 || count > most; });
    require(outside == by_layer.end(), what, ": the experts of a layer must be from 0 to ", most,
            ", got experts=", text_of(setting()));
    require(std::any_of(by_layer.begin(), by_layer.end(), [](Index count) { return count > 0; }), what,
            ": some layer must have an expert, got experts=", text_of(setting()));
    return given == 1 ? std::vector<Index>(static_cast<std::size_t>(sizes.layers), by_layer.front()) : by_layer;
  }
  Setting setting() const {
    if (by_layer.size() == 1) return by_layer.front();
    std::string text;
    for (const Index count : by_layer) text += concat(text.empty() ? "" : "|", count);
    return text;
  }
};

inline Setting setting_of(const ExpertCounts& counts) { return counts.setting(); }

/// Error (SettingError): not numbers separated by bars.
inline void read_setting(const std::string& key, const Setting& setting, ExpertCounts& counts) {
  const std::string given = text_of(setting);
  counts.by_layer.clear();
  std::string_view rest = given;
  for (bool more = true; more;) {
    counts.by_layer.push_back(detail::take_layer(rest));
    more = rest.starts_with('|');
    if (more) rest.remove_prefix(1);
    if (counts.by_layer.back() < 0 || (!more && !rest.empty()))
      throw SettingError(
          key, concat(" must be a number of experts, or one for each layer such as 3|1|0|2, got '", given, "'"));
  }
}

/// `total` experts by layer, the more the less similar the domains are there: each layer gets one, and each further one
/// goes to the layer with the largest
///     1 / (max(similarity, 0.01) (experts + 1/2))
/// of equal ones to the lowest. This rounds numbers in proportion to the inverse similarity to whole ones (Webster).
/// That layers of higher similarity get fewer experts is LayerMoE (Zhang et al. 2025, arXiv 2505.22582); the rounding
/// and the floor are ours.      similarity: (layers), finite
/// Error: fewer experts than layers; more than ExpertCounts::most for each of them.
inline std::vector<Index> allot_experts(std::span<const double> similarity, Index total) {
  const auto layers = static_cast<Index>(similarity.size());
  require(total >= layers && total <= layers * ExpertCounts::most, "allot_experts: the total must be at least ", layers,
          ", an expert for each layer, and at most ", ExpertCounts::most, " times as many, got ", total);
  std::vector<Index> counts(similarity.size(), 1);
  for (Index left = total - layers; left > 0; --left) {
    const auto claim = [&](std::size_t layer) {
      return 1 / (std::max(similarity[layer], 0.01) * (static_cast<double>(counts[layer]) + 0.5));
    };
    std::size_t next = 0;
    for (std::size_t layer = 1; layer < counts.size(); ++layer)
      if (claim(layer) > claim(next)) next = layer;
    ++counts[next];
  }
  return counts;
}

}}}  // namespace neutra::NEUTRA_ABI::adapter
