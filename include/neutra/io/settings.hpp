/// Settings as a JSON object of plain values, there and back.
#pragma once

#include "neutra/core/settings.hpp"
#include "neutra/io/json.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// Error: a number that is not finite, which JSON cannot hold.
inline Json to_json(const Settings& settings, std::string_view where) {
  Json object = Json::object();
  for (const auto& [key, setting] : settings) {
    const double* number = std::get_if<double>(&setting);
    require(!number || std::isfinite(*number), where, ": ", printable(key), " must be finite, got ",
            number ? *number : 0);
    std::visit([&, &name = key](const auto& value) { object[name] = value; }, setting);
  }
  return object;
}

/// Error: a value that is no text, number or truth value, by its key.
inline Settings settings_of(const Reader& object) {
  Settings settings;
  for (const auto& [key, value] : object.json().items()) {
    if (value.is_boolean())
      settings[key] = object.flag(key);
    else if (value.is_number_integer())
      settings[key] = object.integer(key);
    else if (value.is_number())
      settings[key] = object.number(key);
    else
      settings[key] = object.text(key);
  }
  return settings;
}

}}}  // namespace neutra::NEUTRA_ABI::io
