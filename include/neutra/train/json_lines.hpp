/// Reads JSON Lines, a document a line:
///     {"text": "The first document.", "id": 1}
#pragma once

#include "neutra/data/byte_source.hpp"
#include "neutra/io/json.hpp"
#include "neutra/train/record_fields.hpp"

#include <cstddef>
#include <string>
#include <string_view>

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

}  // namespace detail

/// Calls f(record, where) for the JSON object of each line; `where` names file and line. Empty lines are left out.
/// Errors, by file and line: not UTF-8; no JSON object; more than `longest` bytes.
template <class F>
void for_each_json_record(data::ByteSource& source, const F& f, std::size_t longest = longest_json_line) {
  detail::SourceLines lines(source, longest);
  for (std::string line; lines.next(line);) {
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    if (lines.number() == 1)
      if (const FileFormat* other = other_format(line, FileKind::json))
        fail(source.name(), ": must be JSON Lines, got ", *other);
    const std::string where = concat(source.name(), ", line ", lines.number());
    const io::Json record = io::parse(line, where);
    const io::Reader object(record, where);  // for its message: must be a JSON object
    f(record, where);
  }
}

/// Calls f(text) for the field of each line. Empty documents are left out.
/// Errors: as for_each_json_record; no such field, or one that is no string.
template <class F>
void for_each_json_line(data::ByteSource& source, const std::string& field, const F& f,
                        std::size_t longest = longest_json_line) {
  for_each_json_record(
      source,
      [&](const io::Json& record, const std::string& where) {
        const std::string& text = detail::text_of_field(record, field, where, "--field");
        if (!text.empty()) f(text);
      },
      longest);
}

}}}  // namespace neutra::NEUTRA_ABI::train
