/// JSON values from the events of the parser, within limits.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/utf8.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

using Json = nlohmann::json;

namespace detail {

/// The position of a byte as "line 3, column 14", both counted from 1.
inline std::string position(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t start = before.rfind('\n');
  return concat("line ", line, ", column ", before.size() - (start == before.npos ? 0 : start + 1) + 1);
}

/// A parser message without its prefix "[json.exception...] parse error at line 1, column 5: ".
inline std::string_view bare(std::string_view message) {
  if (const auto end = message.find("] "); message.starts_with('[') && end != message.npos)
    message.remove_prefix(end + 2);
  if (const auto end = message.find(": "); message.starts_with("parse error") && end != message.npos)
    message.remove_prefix(end + 2);
  return message;
}

/// Builds a value from the parser's events. The library's own parser with a callback would do, but at the end of each
/// object it visits all siblings again, which is quadratic in their number.
class Builder : public nlohmann::json_sax<Json> {
 public:
  Builder(std::string_view text, std::string_view what, std::size_t depth) : text_(text), what_(what), depth_(depth) {}
  Json take() { return std::move(root_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(Json::number_integer_t value) override { return add(value); }
  bool number_unsigned(Json::number_unsigned_t value) override { return add(value); }
  bool number_float(Json::number_float_t value, const std::string&) override { return add(value); }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(Json::binary_t&) override { return false; }  // does not occur in text
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    const auto [member, fresh] = open_.back()->emplace(name, nullptr);
    if (!fresh) fail(what_, ": key \"", printable(name), "\" must not occur twice in one object; remove one");
    member_ = &*member;
    return true;
  }
  bool parse_error(std::size_t byte, const std::string&, const Json::exception& error) override {
    const std::string message = printable(bare(error.what()), 200);
    if (dynamic_cast<const Json::parse_error*>(&error) == nullptr) fail(what_, ": must be JSON: ", message);
    fail(what_, ": must be JSON, got an error at ", position(text_, std::min(byte == 0 ? 0 : byte - 1, text_.size())),
         ": ", message);
  }

 private:
  /// A limit on memory: a value takes up to about a hundred bytes beside its text, so that a file of many small values
  /// ({},{},{},...) takes up to forty times its size.
  static constexpr std::size_t most_values = 4'000'000;

  bool add(Json value) {
    require(++values_ <= most_values, what_, ": must hold at most ", most_values,
            " values, got more; is this the right file?");
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back()->is_array()) {
      open_.back()->push_back(std::move(value));
    } else {
      *member_ = std::move(value);
    }
    return true;
  }
  bool open(Json value) {
    require(open_.size() < depth_, what_, ": must not be nested deeper than ", depth_,
            " levels; neither neutra nor a known tool writes such a file");
    add(std::move(value));
    open_.push_back(open_.empty() ? &root_ : open_.back()->is_array() ? &open_.back()->back() : member_);
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view text_, what_;
  std::size_t depth_, values_ = 0;
  Json root_;
  // From the outermost inwards. A value does not move while it is open.
  std::vector<Json*> open_;
  Json* member_ = nullptr;  // the member of the innermost open object that the last key named
};

}  // namespace detail

}}}  // namespace neutra::NEUTRA_ABI::io
