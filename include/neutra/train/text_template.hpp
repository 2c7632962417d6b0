/// Templates: how the fields of a JSON record become text, and which of them are scored.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/data/run.hpp"
#include "neutra/io/json.hpp"
#include "neutra/train/record_fields.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// The text of a record, and the bytes of it that are context only.
struct RecordText {
  std::string bytes;
  data::Runs unscored;

  void append(std::string_view text, bool scored) {
    if (!scored) append_run(unscored, {bytes.size(), bytes.size() + text.size()});
    bytes += text;
  }
};

/// A text with fields in it:
///     Question: {instruction}\nAnswer: {response!}
/// {NAME} stands for the text of a field, {NAME!} for that of a field that is scored. Everything else stands for itself
/// and is context, as are fields without the mark. \n, \t and \\ stand for a newline, a tab and a backslash, {{ and }}
/// for braces.
class TextTemplate {
 public:
  /// `option` opens messages.      Error: a brace or backslash that is none of these; a field without a name.
  TextTemplate(std::string_view text, const std::string& option) : text_(text), option_(option) {
    std::string literal;
    for (std::size_t at = 0; at < text.size();) {
      const char here = text[at], next = at + 1 < text.size() ? text[at + 1] : '\0';
      if (here == '{' && next != '{') {
        if (!literal.empty()) parts_.push_back({std::exchange(literal, {})});
        at = read_field(at + 1);
        continue;
      }
      const bool doubled = here == '{' || here == '}', escaped = here == '\\';
      require(!doubled || next == here, option_, ": a brace must enclose the name of a field, got one at byte ", at,
              " that does not; {{ and }} stand for braces");
      literal += escaped ? escaped_character(next) : here;
      at += doubled || escaped ? 2 : 1;
    }
    if (!literal.empty()) parts_.push_back({std::move(literal)});
  }

  /// As it was given.
  const std::string& text() const { return text_; }
  /// Whether any field is scored.
  bool scores() const {
    for (const Part& part : parts_)
      if (part.scored) return true;
    return false;
  }
  /// Error: a field that the record lacks, or that is no string; `where` opens messages.
  void append(const io::Json& record, const std::string& where, RecordText& into) const {
    for (const Part& part : parts_)
      into.append(part.is_field ? detail::text_of_field(record, part.text, where, option_) : part.text, part.scored);
  }

 private:
  struct Part {
    std::string text;  // or the name of a field
    bool is_field = false, scored = false;
  };

  std::size_t read_field(std::size_t begin) {
    const std::size_t end = text_.find('}', begin);
    require(end != text_.npos, option_, ": the name of a field must end in }, got ", io::printable(text_.substr(begin)),
            "; {{ stands for a brace");
    const bool scored = end > begin && text_[end - 1] == '!';
    std::string name = text_.substr(begin, end - begin - scored);
    require(!name.empty(), option_, ": a field must have a name, as in {response!}, got none at byte ", begin);
    parts_.push_back({std::move(name), true, scored});
    return end + 1;
  }
  char escaped_character(char c) const {
    require(c == 'n' || c == 't' || c == '\\', option_, ": a backslash must stand before n, t or a backslash, got ",
            c == '\0' ? std::string("the end") : io::printable(std::string(1, c)), "; \\\\ stands for a backslash");
    return c == 'n' ? '\n' : c == 't' ? '\t' : c;
  }

  std::string text_, option_;
  std::vector<Part> parts_;
};

/// The templates of a program's records: one for the whole record, or one for each role of its messages,
///     {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}
struct RecordTemplates {
  std::optional<TextTemplate> whole{};
  std::map<std::string, TextTemplate> roles{};

  bool empty() const { return !whole && roles.empty(); }
  /// Error: nothing would be scored.
  void check() const {
    bool scores = empty() || (whole && whole->scores());
    for (const auto& [role, own] : roles) scores |= own.scores();
    require(scores, whole ? "--template" : "--role-template",
            ": at least one field must be scored, got none; mark it with !, as in {response!}");
  }
  /// Error: as TextTemplate::append; no messages, or one of a role without a template.
  RecordText text_of(const io::Json& record, const std::string& where) const {
    RecordText text;
    if (whole) {
      whole->append(record, where, text);
      return text;
    }
    const io::Json* const messages = detail::find_field(record, "messages", where, "--template");
    require(messages->is_array(), where, ": the field \"messages\" must be a list, got ", messages->type_name());
    std::size_t number = 0;
    for (const io::Json& message : *messages) {
      const std::string here = concat(where, ", message ", ++number);
      const io::Reader object(message, here);  // for its message: must be a JSON object
      const std::string& role = detail::text_of_field(message, "role", here, "--role-template");
      const auto own = roles.find(role);
      if (own == roles.end()) {
        std::vector<std::string> known;
        for (const auto& one : roles) known.push_back(one.first);
        fail(here, ": the role must be one of ", io::printable(listed(known)), ", got ", io::printable(role),
             suggestion(role, known), "; give --role-template ROLE=TEMPLATE for it");
      }
      own->second.append(message, here, text);
    }
    return text;
  }
};

}}}  // namespace neutra::NEUTRA_ABI::train
