/// Reads JSON Lines, a document a line:
///     {"text": "The first document.", "id": 1}
#pragma once

#include "neutra/core/nearest.hpp"
#include "neutra/data/byte_source.hpp"
#include "neutra/io/json.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// The longest line of a JSON Lines file in bytes, and thereby a limit on the memory that reading one takes. A book has
/// a megabyte or two.
inline constexpr std::size_t longest_json_line = std::size_t{64} << 20;

namespace detail {

/// The lines of a source, one after the other.
class SourceLines {
 public:
  SourceLines(data::ByteSource& source, std::size_t longest) : source_(source), longest_(longest) {}

  /// Reads the next line, without its LF. False at the end.      Error: a longer line; see ByteSource::read.
  bool next(std::string& line) {
    line.clear();
    for (;;) {
      const std::string_view rest = std::string_view(block_, filled_).substr(taken_);
      const std::size_t end = rest.find('\n');
      line += rest.substr(0, end);
      require(line.size() <= longest_, source_.name(), ", line ", number_ + 1, ": must have at most ", longest_,
              " bytes, got more; is each document on a line of its own?");
      if (end != rest.npos) {
        taken_ += end + 1;
        return ++number_ > 0;
      }
      taken_ = 0;
      filled_ = source_.read(block_, sizeof block_);
      if (filled_ == 0) return line.empty() ? false : ++number_ > 0;
    }
  }
  /// Of the last line, from 1.
  std::size_t number() const { return number_; }

 private:
  data::ByteSource& source_;
  std::size_t longest_, number_ = 0, filled_ = 0, taken_ = 0;
  char block_[data::read_block];
};

/// The text of a line. `where` opens each message.
inline std::string text_of_line(std::string_view line, const std::string& field, const std::string& where) {
  io::Json json = io::parse(line, where);
  const io::Reader object(json, where);  // for its message: must be a JSON object
  const auto found = json.find(field);
  if (found == json.end()) {
    std::vector<std::string> fields;
    for (const auto& item : json.items()) fields.push_back(item.key());
    fail(where, ": must have the field \"", io::printable(field), "\", got ",
         fields.empty() ? "none" : io::printable(listed(fields)), suggestion(field, fields),
         "; --field names the field of the text");
  }
  require(found->is_string(), where, ": the field \"", io::printable(field), "\" must be a string, got ",
          io::printable(found->dump(-1, ' ', false, io::Json::error_handler_t::replace)),
          "; --field names another field");
  return std::move(found->get_ref<std::string&>());
}

}  // namespace detail

/// Calls f(text) for the field of each line. Empty lines and empty documents are left out. Errors, by file and line:
/// not UTF-8; no JSON object; no such field, or one that is no string; more than `longest` bytes.
template <class F>
void for_each_json_line(data::ByteSource& source, const std::string& field, const F& f,
                        std::size_t longest = longest_json_line) {
  detail::SourceLines lines(source, longest);
  for (std::string line; lines.next(line);) {
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    if (lines.number() == 1)
      if (const FileFormat* other = other_format(line, FileKind::json))
        fail(source.name(), ": must be JSON Lines, got ", *other);
    const std::string text = detail::text_of_line(line, field, concat(source.name(), ", line ", lines.number()));
    if (!text.empty()) f(text);
  }
}

}}}  // namespace neutra::NEUTRA_ABI::train
