/// The regularisers of the library, and those of a spec.
#pragma once

#include "neutra/adapter/settings.hpp"
#include "neutra/core/types.hpp"
#include "neutra/train/regularisers/ewc.hpp"
#include "neutra/train/regularisers/kl.hpp"
#include "neutra/train/regularisers/l2_sp.hpp"
#include "neutra/train/regularisers/ssu.hpp"

#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

namespace regulariser {
/// In the order in which a step applies them.
using All = Types<L2Sp, Ewc, Ssu, Kl>;
}  // namespace regulariser

/// Takes the settings of regularisers out of those of a method: ewc=100, ewc.sequences=64.
/// Error (SettingError): not a number; a value out of range; an option that it does not have.
inline std::vector<Regulariser> take_regularisers(Settings& settings) {
  std::vector<Regulariser> taken;
  for_each_type(regulariser::All{}, [&]<class R>() {
    const std::string key(R::name);
    PolicyOptions options = adapter::detail::take_options(settings, key);
    const auto given = settings.extract(key);
    if (!given && options.empty()) return;
    const R standard{};
    std::string first;
    visit_options(standard, [&](std::string_view option, const auto&) {
      if (first.empty()) first = option;
    });
    if (given) read_setting(key, given.mapped(), options[first]);
    try {
      taken.emplace_back(with_options(standard, options));
    } catch (const Error& error) {  // says what must hold of NAME or NAME.OPTION
      const std::string rule = error.what();
      throw SettingError(key, rule.starts_with(key) ? rule.substr(key.size()) : ": " + rule);
    }
  });
  return taken;
}

}}}  // namespace neutra::NEUTRA_ABI::train
