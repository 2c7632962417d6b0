/// Options in the groups that --help shows.
#pragma once

#include "neutra/core/config.hpp"

#include <CLI/CLI.hpp>

#include <string>

namespace neutra { inline namespace NEUTRA_ABI { namespace program { namespace detail {

/// Options that are added from now on stand under this heading.
inline void begin_group(CLI::App& app, const char* heading) { app.option_defaults()->group(heading); }

/// Adds an option whose default --help shows.
template <class T> void add_with_default(CLI::App& app, const char* option, T& value, const std::string& about) {
  app.add_option(option, value, about)->capture_default_str();
}

inline bool given(const CLI::App& app, const char* option) { return app.get_option(option)->count() > 0; }

}}}}  // namespace neutra::NEUTRA_ABI::program::detail
