/// The settings of a family with RoPE.
#pragma once

#include "neutra/nn/rope_settings.hpp"
#include "neutra/op/activation.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// Names and checks of settings. F has
///     static constexpr std::array<std::string_view, n> settings = {...}     beside those of RoPE and "activation"
template <class F> struct RopeFamily {
  static bool has_setting(std::string_view name) {
    const auto& own = F::settings;
    return name == "rope_theta" || name == "activation" || is_rope_setting(name) ||
           std::find(own.begin(), own.end(), name) != own.end();
  }
  static void complete(Config& config, std::string& faults) {
    config.numbers.try_emplace("rope_theta", 10000.0);
    for (const auto& [name, value] : config.numbers) check_name(name, faults);
    for (const auto& [name, value] : config.choices) check_name(name, faults);
    for (const auto& [name, digits] : config.by_layer) {
      check_name(name, faults);
      if (static_cast<Index>(digits.size()) != config.layers)
        faults +=
            concat("; ", name, " must have a digit for each of the ", config.layers, " layers, got \"", digits, '"');
    }
    check_rope(config, faults);
    if (const auto chosen = config.choices.find("activation"); chosen != config.choices.end())
      if (!activation_named(chosen->second)) faults += concat("; there is no activation \"", chosen->second, '"');
    if (config.head_width % 2 != 0) faults += concat("; head width must be even for RoPE, got ", config.head_width);
  }

 private:
  static void check_name(std::string_view name, std::string& faults) {
    if (!has_setting(name)) faults += concat("; a ", F::name, " has no setting ", name);
  }
};

}}}  // namespace neutra::NEUTRA_ABI::nn
