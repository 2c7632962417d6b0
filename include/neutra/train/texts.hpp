/// Reads the text files of a program. The one place that decides how the bytes of a file become text.
#pragma once

#include "neutra/core/file_format.hpp"
#include "neutra/data/text.hpp"
#include "neutra/data/unpacked.hpp"
#include "neutra/data/utf8.hpp"
#include "neutra/train/json_lines.hpp"
#include "neutra/train/text_folder.hpp"
#include "neutra/train/text_format.hpp"

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

namespace detail {

/// Whether a file holds JSON Lines: its name ends in .jsonl, or a field or template is given and it is a pipe
/// or standard input, which have no such name.
inline bool is_json_lines(const std::filesystem::path& path, const TextFormat& format) {
  return data::unpacked_name(path).extension() == ".jsonl" ||
         ((format.field || !format.templates.empty()) &&
          (data::is_standard_input(path) || !std::filesystem::is_regular_file(path)));
}

/// The documents of a JSON Lines file, each on lines of its own.
inline data::Text read_json_lines(data::ByteSource& source, const TextFormat& format) {
  data::Text text(format.memory);
  const auto add = [&](const std::string& document, const data::Runs& unscored) {
    require(text.bytes.size() + document.size() < format.most, source.name(), ": must hold at most ", format.most,
            " bytes of text, got more; give a part of it");
    if (document.empty()) return;
    if (format.separates()) return append_document(document, text, unscored);
    text.bytes += document;
    if (!document.ends_with('\n')) text.bytes += '\n';
  };
  const std::string field = format.field.value_or("text");
  format.templates.check();
  for_each_json_record(source, [&](const io::Json& record, const std::string& where) {
    if (format.templates.empty() || (format.field && record.contains(field)))
      return add(text_of_field(record, field, where, "--field"), {});
    const RecordText made = format.templates.text_of(record, where);
    add(made.bytes, made.unscored);
  });
  require(!text.bytes.empty(), source.name(), ": has no text; give a file with text");
  require(text.scored_bytes() > 0, source.name(), ": a part of its text must be scored, got ", text.bytes.size(),
          " bytes that are all context; mark a field that is not empty with !, as in {response!}");
  return text;
}

inline data::Text read_plain_text(data::ByteSource& source, const TextFormat& format) {
  data::Text text(format.memory);
  data::TextBytes whole = data::read_text(source, format.most, format.memory);
  if (!format.separates()) {
    text.bytes = std::move(whole);
    return text;
  }
  if (format.documents == data::Documents::joined) {
    if (whole.ends_with('\n')) whole.pop_back();
    append_document(whole, text);
    return text;
  }
  data::for_each_document(whole, format.documents, [&](std::string_view document) { append_document(document, text); });
  require(!text.bytes.empty(), source.name(), ": has only white space; give a file with text");
  return text;
}

/// Error: a name that ends in .parquet, before a file of any size is read.
inline void refuse_parquet(const std::filesystem::path& path) {
  if (path.extension() != ".parquet") return;
  const data::FileBytes file(path);
  const FileFormat* const other = other_format(file.head(), FileKind::text);
  fail(file.name(), ": must be plain text or JSON Lines, got ", other ? *other : neutra::detail::formats::parquet);
}

inline data::Text read_text_file(const std::filesystem::path& path, const TextFormat& format) {
  refuse_parquet(path);
  const auto source = data::open_unpacked(path);
  return is_json_lines(path, format) ? read_json_lines(*source, format) : read_plain_text(*source, format);
}

}  // namespace detail

/// The concatenated files, with a newline between two files where the first does not end in one. `option` names the
/// list in messages. The caller checks that the files differ.      Errors: as data::open_unpacked, data::read_text and
/// for_each_json_record.
inline data::Text join_texts(const std::vector<std::filesystem::path>& paths, const std::string& option,
                             const TextFormat& format = {}) {
  data::Text text(format.memory);
  for (const auto& path : paths) {
    if (!text.bytes.empty() && text.bytes.back() != '\n') text.bytes += '\n';
    data::Text file = detail::read_text_file(path, format);
    text.files.push_back({option, path, std::hash<std::string_view>()(file.bytes)});
    if (const auto at = data::find_invalid_utf8(file.bytes))
      text.remarks.push_back(concat("note: ", data::source_name(path), ": is not UTF-8 from byte ", *at,
                                    " on; these bytes are kept and become byte tokens"));
    if (text.bytes.empty())
      static_cast<data::TextPart&>(text) = std::move(file);
    else
      append_part(file, 0, file.bytes.size(), text);
  }
  return text;
}

/// As join_texts, checked, and with folders for the text files in them. Errors: as text_files, join_texts and
/// data::check_different, and an empty list.
inline data::Text read_texts(const std::vector<std::filesystem::path>& paths, const std::string& option = "--text",
                             const TextFormat& format = {}) {
  require(!paths.empty(), "reading text: at least one file must be named, got none");
  std::vector<std::string> remarks;
  const auto files = text_files(paths, option, remarks);
  std::vector<data::TextFile> by_path;
  for (const auto& file : files) by_path.push_back({option, file});
  data::check_different(by_path);  // before reading: a pipe can be read only once
  data::Text text = join_texts(files, option, format);
  data::check_different(text.files);
  text.remarks.insert(text.remarks.begin(), remarks.begin(), remarks.end());
  return text;
}

}}}  // namespace neutra::NEUTRA_ABI::train
