/// Adapter files of the schema before, neutra.adapter/2, read as what they say today.
#pragma once

#include "neutra/adapter/adapter.hpp"
#include "neutra/io/json.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

inline constexpr std::string_view adapter_schema_2 = "neutra.adapter/2";

namespace detail {

/// It had one list of keys for all adapters, null where one did not apply; a scale of 1 did not tell anything.
/// Error: a key that is missing, unknown or of the wrong type.
inline adapter::Description read_description_2(const io::Reader& read) {
  read.only({"schema", "method", "gate", "gate_options", "body", "penalty", "init", "placement", "sites", "width",
             "rank", "weights", "scale", "model", "fingerprint", "tokenizer"});
  adapter::Description description{.kind = read.text("method"), .weights = read.integer("weights", 0, 0)};
  Settings& settings = description.settings;
  for (const char* key : {"gate", "body", "penalty", "init", "placement"})
    if (const std::string text = read.text(key, ""); !text.empty()) settings[key] = text;
  for (const char* key : {"width", "rank"})
    if (const Index number = read.integer(key, 0, 0); number > 0) settings[key] = number;
  if (std::string sites = read.text("sites", ""); !sites.empty()) {
    std::replace(sites.begin(), sites.end(), ',', '|');
    settings["targets"] = sites;
  }
  if (const double scale = read.number("scale"); scale != 1) settings["scale"] = scale;
  const io::Reader options = read.object("gate_options");
  for (const auto& item : options.json().items()) settings["gate." + item.key()] = options.number(item.key());
  return description;
}

}  // namespace detail

}}}  // namespace neutra::NEUTRA_ABI::nn
