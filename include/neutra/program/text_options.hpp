/// The options of every program that reads text files.
#pragma once

#include "neutra/train/text_format.hpp"

#include <CLI/CLI.hpp>

namespace neutra { inline namespace NEUTRA_ABI { namespace program { namespace detail {

inline void add_text_format(CLI::App& app, train::TextFormat& format) {
  app.add_option("--field", format.field,
                 "the field of the text in files of JSON Lines, whose names end in .jsonl; default: text");
}

/// Of programs that read documents as a model was trained on them.
inline void add_documents(CLI::App& app, train::TextFormat& format) {
  CLI::Option* const by_empty_line = app.add_flag_callback(
      "--documents", [&format] { format.documents = data::Documents::by_empty_line; },
      "separate documents by the model's end-of-text token: lines of JSON Lines, and parts of plain text between empty "
      "lines");
  app.add_flag_callback(
         "--document-per-line", [&format] { format.documents = data::Documents::by_line; },
         "as --documents, with each line of plain text a document")
      ->excludes(by_empty_line);
}

}}}}  // namespace neutra::NEUTRA_ABI::program::detail
