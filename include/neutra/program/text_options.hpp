/// The options of every program that reads text files.
#pragma once

#include "neutra/train/text_format.hpp"

#include <CLI/CLI.hpp>

namespace neutra { inline namespace NEUTRA_ABI { namespace program { namespace detail {

inline void add_text_format(CLI::App& app, train::TextFormat& format) {
  app.add_option("--field", format.field,
                 "the field of the text in files of JSON Lines, whose names end in .jsonl; default: text");
}

}}}}  // namespace neutra::NEUTRA_ABI::program::detail
