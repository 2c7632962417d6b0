/// Layers with a window, as config.json files name them: the settings numbers["window"], its length in tokens, and
/// by_layer["windowed"], 1 for each layer that has it.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/utf8.hpp"
#include "neutra/nn/family.hpp"

#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// Reads which layers have a window: those that layer_types calls sliding_attention or, without that key, those that
/// `windowed` accepts. Adds numbers["window"] and by_layer["windowed"] if there are any.
/// Error: another type of layer; more or fewer types than layers.
template <class Reader, class Windowed>
void read_windows(const Reader& file, Config& config, Index window, const Windowed& windowed) {
  std::string digits;
  for (Index layer = 0; layer < config.layers; ++layer) digits += windowed(layer) ? '1' : '0';
  if (file.has("layer_types")) {
    digits.clear();
    for (const std::string& type : file.texts("layer_types")) {
      require(type == "sliding_attention" || type == "full_attention", file.what(),
              ": layer_types must be sliding_attention or full_attention, got \"", io::printable(type),
              "\"; other kinds of attention are not supported");
      digits += type == "sliding_attention" ? '1' : '0';
    }
    require(static_cast<Index>(digits.size()) == config.layers, file.what(), ": layer_types must name ", config.layers,
            " layers (num_hidden_layers), got ", digits.size());
  }
  if (digits.find('1') == digits.npos) return;
  config.numbers["window"] = static_cast<double>(window);
  config.by_layer["windowed"] = digits;
}

/// sliding_window as JSON; null if no layer has a window.
template <class Json> Json window_json(const Config& config) {
  if (!config.numbers.contains("window")) return nullptr;
  return static_cast<Index>(config.numbers.at("window"));
}

/// layer_types as JSON.
template <class Json> Json layer_types(const Config& config) {
  const auto found = config.by_layer.find("windowed");
  const std::string none(static_cast<std::size_t>(config.layers), '0');
  Json types = Json::array();
  for (const char digit : found == config.by_layer.end() ? none : found->second)
    types.push_back(digit == '1' ? "sliding_attention" : "full_attention");
  return types;
}

/// Whether a file says that there is no window, by null; a key that is absent has a default.
template <class Reader> bool says_no_window(const Reader& file) {
  return file.json().contains("sliding_window") && !file.has("sliding_window");
}

/// Reads the windows of the Qwen families: none unless use_sliding_window; layers from max_window_layers (28) on have
/// one, or those that layer_types names.
template <class Reader> void read_upper_windows(const Reader& file, Config& config) {
  if (!file.flag("use_sliding_window", false) || says_no_window(file)) return;
  const Index window = file.integer("sliding_window", 4096, 1, Limits::context);
  const Index from = file.integer("max_window_layers", 28, 0, Limits::layers);
  read_windows(file, config, window, [from](Index layer) { return layer >= from; });
}
/// The keys that it reads; max_window_layers is the first layer with a window.
template <class Json> void write_upper_windows(const Config& config, Json& json) {
  const auto found = config.by_layer.find("windowed");
  const bool windows = found != config.by_layer.end();
  json["use_sliding_window"] = windows;
  json["sliding_window"] = window_json<Json>(config);
  json["layer_types"] = layer_types<Json>(config);
  json["max_window_layers"] = windows ? static_cast<Index>(found->second.find('1')) : config.layers;
}

/// Gives every layer a window, unless it is as long as the context.
inline void window_everywhere(Config& config, Index window) {
  if (window >= config.context) return;
  config.numbers["window"] = static_cast<double>(window);
  config.by_layer["windowed"] = std::string(static_cast<std::size_t>(config.layers), '1');
}

}}}  // namespace neutra::NEUTRA_ABI::nn
