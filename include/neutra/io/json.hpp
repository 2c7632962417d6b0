/// JSON from outside: parsed under limits, read with messages that name the file, the key, the rule and the value.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/io/file.hpp"
#include "neutra/io/utf8.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra::inline NEUTRA_ABI::io {

using Json = nlohmann::json;

namespace detail {

/// "line 3, column 14" of a byte, both counted from 1.
inline std::string position(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t start = before.rfind('\n');
  return concat("line ", line, ", column ", before.size() - (start == before.npos ? 0 : start + 1) + 1);
}

/// The part of a parser message behind "[json.exception...] parse error at line 1, column 5: ".
inline std::string_view bare(std::string_view message) {
  if (const auto end = message.find("] "); message.starts_with('[') && end != message.npos) message.remove_prefix(end + 2);
  if (const auto end = message.find(": "); message.starts_with("parse error") && end != message.npos) message.remove_prefix(end + 2);
  return message;
}

/// Watches a parse: stops it at too deep a nesting or at a key that its object already has.
class Limits {
 public:
  Limits(std::string_view what, std::size_t depth) : what_(what), depth_(depth) {}

  bool operator()(int, Json::parse_event_t event, Json& parsed) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      require(keys_.size() < depth_, what_, ": must not be nested deeper than ", depth_, " levels; this is not a file of ours or of a known tool");
      keys_.emplace_back();
    } else if (event == Event::object_end || event == Event::array_end) {
      keys_.pop_back();
    } else if (event == Event::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys_.back().insert(key).second) fail(what_, ": key \"", shown(key), "\" must not come twice in one object; remove one");
    }
    return true;
  }

 private:
  std::string_view what_;
  std::size_t depth_;
  std::vector<std::set<std::string>> keys_;  // of each open object
};

}  // namespace detail

/// The value of a JSON text; `what` opens each message, as in "config.json".
/// Error: not UTF-8 (byte), not JSON (line and column), nested deeper than max_depth, a key twice in one object, a number too large to hold.
inline Json parse(std::string_view text, std::string_view what, std::size_t max_depth = 64) {
  const std::size_t valid = utf8_prefix(text);
  require(valid == text.size(), what, ": must be UTF-8, got the byte ", valid < text.size() ? hex_byte(text[valid]) : "", " at offset ", valid,
          "; was it saved in another encoding?");
  const std::size_t zero = text.find('\0');  // the parser would take it for the end and drop what follows
  require(zero == text.npos, what, ": must be JSON, got a zero byte at ", detail::position(text, zero));
  try {
    return Json::parse(text.begin(), text.end(), detail::Limits(what, max_depth));
  } catch (const Json::parse_error& error) {
    const std::size_t offset = std::min(error.byte == 0 ? 0 : error.byte - 1, text.size());
    fail(what, ": must be JSON, got an error at ", detail::position(text, offset), ": ", shown(detail::bare(error.what()), 200));
  } catch (const Json::exception& error) {
    fail(what, ": must be JSON: ", shown(detail::bare(error.what()), 200));
  }
}

/// Parses a file of at most max_bytes; messages open with its path.
inline Json read_json(const Path& path, std::uint64_t max_bytes = 100'000'000) {
  const std::string text = read_file(path, max_bytes), name = path.string();
  require(text.find_first_not_of(" \t\r\n") != text.npos, name, ": must be JSON, got an empty file");
  if (const FileFormat* other = neutra::other_format(text, FileKind::json)) fail(name, ": must be JSON, got ", *other);
  return parse(text, name);
}

/// Text of a value: indented by two spaces, keys sorted. Numbers that are not finite become null, since JSON has no others.
/// Error: a string that is not UTF-8.
inline std::string dump(const Json& value, std::string_view what) {
  try {
    return value.dump(2) + "\n";
  } catch (const Json::exception& error) {
    fail(what, ": cannot be written as JSON: ", shown(detail::bare(error.what()), 200));
  }
}

/// Replaces a file by the text of a value, whole or not at all; see dump and write_file.
inline void write_json(const Path& path, const Json& value) { write_file(path, dump(value, path.string())); }

/// One object of a configuration, read key by key:
///     const Reader config(json, "config.json");
///     const Index width = config.positive("hidden_size"), heads = config.positive("num_attention_heads");
///     const Index groups = config.positive("num_key_value_heads", heads);
/// A key that is absent or null gives the fallback; without one it is an Error. Each value of another kind is an Error such as
///     config.json: hidden_size must be a positive integer, got "abc"
/// Keeps a reference to the object.
class Reader {
 public:
  Reader(const Json& object, std::string what) : object_(&object), what_(std::move(what)) {
    require(object.is_object(), what_, ": must be a JSON object, got ", received(object));
  }
  Reader(Json&&, std::string) = delete;  // the object must outlive the reader

  const std::string& what() const { return what_; }
  const Json& json() const { return *object_; }

  /// Whether the key is there and not null.
  bool has(std::string_view key) const { return find(key) != nullptr; }

  /// The value as it is.
  const Json& value(std::string_view key) const {
    const Json* found = find(key);
    require(found != nullptr, what_, ": ", path(key), " is missing; the file is not complete, or of another kind");
    return *found;
  }

  /// Integer in low .. high.
  Index integer(std::string_view key, std::optional<Index> fallback = {}, Index low = -largest, Index high = largest) const {
    if (fallback && !has(key)) return *fallback;
    const Json& found = value(key);
    const auto rule = low == 1 && high == largest          ? std::string("a positive integer")
                      : low == 0 && high == largest        ? std::string("an integer, zero or more")
                      : low == -largest && high == largest ? std::string("an integer")
                                                           : concat("an integer in ", low, " .. ", high);
    expect(within(found, low, high), key, rule, found);
    return found.get<Index>();
  }
  /// Integer of 1 or more.
  Index positive(std::string_view key, std::optional<Index> fallback = {}) const { return integer(key, fallback, 1); }
  /// Any finite number.
  double number(std::string_view key, std::optional<double> fallback = {}) const {
    if (fallback && !has(key)) return *fallback;
    const Json& found = value(key);
    expect(found.is_number(), key, "a number", found);
    return found.get<double>();
  }
  bool flag(std::string_view key, std::optional<bool> fallback = {}) const {
    if (fallback && !has(key)) return *fallback;
    const Json& found = value(key);
    expect(found.is_boolean(), key, "true or false", found);
    return found.get<bool>();
  }
  std::string text(std::string_view key, std::optional<std::string> fallback = {}) const {
    if (fallback && !has(key)) return *std::move(fallback);
    const Json& found = value(key);
    expect(found.is_string(), key, "a string", found);
    return found.get<std::string>();
  }
  const Json& array(std::string_view key) const {
    const Json& found = value(key);
    expect(found.is_array(), key, "an array", found);
    return found;
  }
  /// Array of integers in low .. high.
  std::vector<Index> integers(std::string_view key, Index low = -largest, Index high = largest) const {
    std::vector<Index> result;
    for (const Json& item : array(key)) {
      expect(within(item, low, high), key, concat("an array of integers in ", low, " .. ", high), item);
      result.push_back(item.get<Index>());
    }
    return result;
  }
  std::vector<std::string> texts(std::string_view key) const {
    std::vector<std::string> result;
    for (const Json& item : array(key)) {
      expect(item.is_string(), key, "an array of strings", item);
      result.push_back(item.get<std::string>());
    }
    return result;
  }
  /// An object inside this one; its messages say outer.inner.
  Reader object(std::string_view key) const {
    const Json& found = value(key);
    expect(found.is_object(), key, "an object", found);
    return Reader(found, what_, path(key) + ".");
  }

  /// Error: a key that is not in the list; for formats of which every key must be understood.
  void only(std::initializer_list<std::string_view> known) const {
    for (const auto& item : object_->items())
      if (std::find(known.begin(), known.end(), item.key()) == known.end())
        fail(what_, ": ", path(item.key()), " is not a known key; is the file newer than this program?");
  }

  /// The largest integer that JSON readers agree on.
  static constexpr Index largest = (Index{1} << 53) - 1;

 private:
  Reader(const Json& object, std::string what, std::string prefix) : object_(&object), what_(std::move(what)), prefix_(std::move(prefix)) {}

  const Json* find(std::string_view key) const {
    const auto found = object_->find(key);
    return found == object_->end() || found->is_null() ? nullptr : &*found;
  }
  std::string path(std::string_view key) const { return prefix_ + shown(key); }
  void expect(bool holds, std::string_view key, std::string_view rule, const Json& found) const {
    require(holds, what_, ": ", path(key), " must be ", rule, ", got ", holds ? "" : received(found));
  }
  static bool within(const Json& value, Index low, Index high) {
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(largest)) return false;
    return value.is_number_integer() && value.get<Index>() >= low && value.get<Index>() <= high;
  }
  static std::string received(const Json& value) { return shown(value.dump(-1, ' ', false, Json::error_handler_t::replace)); }

  const Json* object_;
  std::string what_, prefix_;
};

}  // namespace neutra::inline NEUTRA_ABI::io
