/// The options of every program that reads text files.
#pragma once

#include "neutra/train/text_format.hpp"

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program { namespace detail {

inline void add_text_format(CLI::App& app, train::TextFormat& format) {
  app.add_option("--field", format.field,
                 "the field of the text in files of JSON Lines, whose names end in .jsonl; default: text");
}

/// Error: no ROLE=TEMPLATE, or a role that is given twice.
inline void add_role_template(const std::string& given, train::RecordTemplates& templates) {
  require(!given.empty(), "--role-template must not be empty; give it a value or leave it out");
  const auto equals = given.find('=');
  require(equals != given.npos && equals > 0, "--role-template must be ROLE=TEMPLATE, got ", io::printable(given));
  const std::string role = given.substr(0, equals);
  const bool fresh =
      templates.roles.try_emplace(role, given.substr(equals + 1), concat("--role-template ", role)).second;
  require(fresh, "--role-template ", io::printable(role), " must not be given twice; leave one out");
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
  app.add_option_function<io::Path>(
      "--token-cache", [&format](const io::Path& folder) { format.cache_in(folder); },
      "folder that keeps the tokens of texts for further runs, and holds texts while they are read, which may then be "
      "larger than memory");
  CLI::Option* const whole = app.add_option_function<std::string>(
      "--template", [&format](const std::string& text) { format.templates.whole.emplace(text, "--template"); },
      "text made of the fields of each record of JSON Lines, a document each, such as "
      "'{instruction}\\n{response!}': only fields with ! are scored; with --field, records that have that field are "
      "text as they are");
  app.add_option_function<std::vector<std::string>>(
         "--role-template",
         [&format](const std::vector<std::string>& all) {
           for (const std::string& one : all) add_role_template(one, format.templates);
         },
         "a template for the messages of a role, ROLE=TEMPLATE, such as 'assistant={content!}\\n', for records with a "
         "list \"messages\"; once for each role")
      ->excludes(whole);
}

}}}}  // namespace neutra::NEUTRA_ABI::program::detail
