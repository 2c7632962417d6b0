/// A choice of layers as a setting.
#pragma once

#include "neutra/adapter/sizes.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// Layers by number, counted from 0 as in the names of weights, or a part of a model whatever its depth. As a setting:
/// "all", "lower" (the first half, the middle one included), "upper" (the others), or numbers and ranges separated by
/// bars, in ascending order, "0|3-5".
struct Layers {
  enum class Part { all, lower, upper, listed };
  Part part = Part::all;
  std::vector<Index> listed{};

  /// The numbers of those of a model. Error: one that the model lacks, or none at all; `what` begins the message.
  std::vector<Index> in(const Sizes& sizes, std::string_view what) const {
    if (part == Part::listed) {
      require(!listed.empty() && listed.back() < sizes.layers, what, ": layers must be from 0 to ", sizes.layers - 1,
              ", those of the model, got ", listed.empty() ? "none" : concat(listed.back()));
      return listed;
    }
    const Index middle = (sizes.layers + 1) / 2;
    const Index first = part == Part::upper ? middle : 0, end = part == Part::lower ? middle : sizes.layers;
    require(first < end, what,
            ": layers=upper needs a model of at least two layers, got one; choose layers=all, or another method");
    std::vector<Index> numbers;
    for (Index layer = first; layer < end; ++layer) numbers.push_back(layer);
    return numbers;
  }
};

inline constexpr std::array<std::string_view, 3> layer_parts = {"all", "lower", "upper"};

inline Setting setting_of(const Layers& layers) {
  if (layers.part != Layers::Part::listed) return std::string(layer_parts[static_cast<std::size_t>(layers.part)]);
  std::string text;
  for (auto first = layers.listed.begin(); first != layers.listed.end();) {
    auto last = first;
    while (last + 1 != layers.listed.end() && *(last + 1) == *last + 1) ++last;
    text += concat(text.empty() ? "" : "|", *first);
    if (last != first) text += concat('-', *last);
    first = last + 1;
  }
  return text;
}

namespace detail {
/// Reads a number below 65,536 from the front of the text and removes it; -1 if there is none.
inline Index take_layer(std::string_view& text) {
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return -1;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}
}  // namespace detail

/// Error (SettingError): none of the parts, nor numbers and ranges in ascending order.
inline void read_setting(const std::string& key, const Setting& setting, Layers& layers) {
  const std::string given = text_of(setting);
  const auto refuse = [&] {
    throw SettingError(
        key, concat(" must be all, lower, upper, or layers in ascending order such as 0|3-5, got '", given, "'"));
  };
  const auto part = std::find(layer_parts.begin(), layer_parts.end(), given);
  layers = {static_cast<Layers::Part>(part - layer_parts.begin()), {}};
  if (part != layer_parts.end()) return;
  std::string_view rest = given;
  for (bool more = true; more;) {
    const Index first = detail::take_layer(rest);
    Index last = first;
    if (rest.starts_with('-')) {
      rest.remove_prefix(1);
      last = detail::take_layer(rest);
    }
    if (first < 0 || last < first || (!layers.listed.empty() && first <= layers.listed.back())) refuse();
    for (Index layer = first; layer <= last; ++layer) layers.listed.push_back(layer);
    more = rest.starts_with('|');
    if (more) rest.remove_prefix(1);
  }
  if (!rest.empty()) refuse();
}

}}}  // namespace neutra::NEUTRA_ABI::adapter
