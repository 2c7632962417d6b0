/// Untrusted JSON: parsed within limits, and read with errors that name the file, the key, the rule and the value.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/io/file.hpp"
#include "neutra/io/json_builder.hpp"
#include "neutra/io/output_file.hpp"
#include "neutra/io/utf8.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// Parses JSON text in linear time. `what` opens each message, for example "config.json".
/// Error: not UTF-8 (with the byte), not JSON (with line and column), nested deeper than max_depth, a repeated key in
/// one object, a number out of range, more values than any expected file has.
inline Json parse(std::string_view text, std::string_view what, std::size_t max_depth = 64) {
  const std::size_t valid = utf8_prefix(text);
  require(valid == text.size(), what, ": must be UTF-8, got the byte ",
          valid < text.size() ? hex_byte(text[valid]) : "", " at offset ", valid,
          "; was it saved in another encoding?");
  // The parser would take a zero byte for the end and ignore what follows.
  const std::size_t zero = text.find('\0');
  require(zero == text.npos, what, ": must be JSON, got a zero byte at ", detail::position(text, zero));
  detail::Builder builder(text, what, max_depth);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

/// Size limit of configurations and other small files. Results and shard indices may be larger;
/// their readers set their own limits.
inline constexpr std::uint64_t max_small_json = 4'000'000;

/// Parses a file. Messages begin with its path. Error: as read_file and parse, with advice about damaged files.
inline Json read_json(const Path& path, std::uint64_t max_bytes = max_small_json) {
  const std::string text = read_file(path, max_bytes), name = path.string();
  const char* const advice = "; the file is damaged or of another kind; restore an intact copy";
  require(text.find_first_not_of(" \t\r\n") != text.npos, name, ": must be JSON, got an empty file", advice);
  if (const FileFormat* other = neutra::other_format(text, FileKind::json)) fail(name, ": must be JSON, got ", *other);
  try {
    return parse(text, name);
  } catch (const Error& error) {
    throw Error(concat(error.what(), advice));
  }
}

/// Serialises a value: two spaces of indentation, sorted keys. NaN and infinity become null, as JSON has neither.
/// Error: a string that is not UTF-8.
inline std::string dump(const Json& value, std::string_view what) {
  try {
    return value.dump(2) + "\n";
  } catch (const Json::exception& error) {
    fail(what, ": cannot be written as JSON: ", printable(detail::bare(error.what()), 200));
  }
}

/// Writes a value to a file, whole or not at all; see dump and write_file.
inline void write_json(const Path& path, const Json& value) { write_file(path, dump(value, path.string())); }

/// One object of a configuration, read key by key:
///     const Reader config(json, "config.json");
///     const Index width = config.positive("hidden_size"), heads = config.positive("num_attention_heads");
///     const Index groups = config.positive("num_key_value_heads", heads);
/// An absent or null key yields the fallback, or an Error if there is none.
/// A value of another type is an Error, for example
///     config.json: hidden_size must be a positive integer, got "abc"
/// The reader refers to the object and must not outlive it.
class Reader {
 public:
  Reader(const Json& object, std::string what) : object_(&object), what_(std::move(what)) {
    require(object.is_object(), what_, ": must be a JSON object, got ", received(object));
  }
  Reader(Json&&, std::string) = delete;  // the object must outlive the reader

  const std::string& what() const { return what_; }
  const Json& json() const { return *object_; }

  /// Whether the key exists and is not null.
  bool has(std::string_view key) const { return find(key) != nullptr; }

  /// The raw value.
  const Json& value(std::string_view key) const {
    const Json* found = find(key);
    require(found != nullptr, what_, ": ", path(key), " is missing; the file is incomplete or of another kind");
    return *found;
  }

  /// An integer in low .. high.
  Index integer(std::string_view key, std::optional<Index> fallback = {}, Index low = -largest,
                Index high = largest) const {
    if (fallback && !has(key)) return *fallback;
    const Json& found = value(key);
    const auto rule = low == 1 && high == largest          ? std::string("a positive integer")
                      : low == 0 && high == largest        ? std::string("an integer, zero or more")
                      : low == -largest && high == largest ? std::string("an integer")
                                                           : concat("an integer in ", low, " .. ", high);
    expect(within(found, low, high), key, rule, found);
    return found.get<Index>();
  }
  /// An integer of at least 1.
  Index positive(std::string_view key, std::optional<Index> fallback = {}) const { return integer(key, fallback, 1); }
  /// A finite number.
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
  /// An array of integers in low .. high.
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
  /// A nested object; its messages say outer.inner.
  Reader object(std::string_view key) const {
    const Json& found = value(key);
    expect(found.is_object(), key, "an object", found);
    return Reader(found, what_, path(key) + ".");
  }

  /// Error: a key that is not listed. For formats in which every key must be understood.
  void only(std::initializer_list<std::string_view> known) const {
    for (const auto& item : object_->items())
      if (std::find(known.begin(), known.end(), item.key()) == known.end())
        fail(what_, ": ", path(item.key()), " is not a known key; is the file newer than this program?");
  }

  /// The largest integer that all JSON readers represent exactly.
  static constexpr Index largest = (Index{1} << 53) - 1;

 private:
  Reader(const Json& object, std::string what, std::string prefix)
      : object_(&object), what_(std::move(what)), prefix_(std::move(prefix)) {}

  const Json* find(std::string_view key) const {
    const auto found = object_->find(key);
    return found == object_->end() || found->is_null() ? nullptr : &*found;
  }
  std::string path(std::string_view key) const { return prefix_ + printable(key); }
  void expect(bool holds, std::string_view key, std::string_view rule, const Json& found) const {
    require(holds, what_, ": ", path(key), " must be ", rule, ", got ", holds ? "" : received(found));
  }
  static bool within(const Json& value, Index low, Index high) {
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(largest)) return false;
    return value.is_number_integer() && value.get<Index>() >= low && value.get<Index>() <= high;
  }
  static std::string received(const Json& value) {
    return printable(value.dump(-1, ' ', false, Json::error_handler_t::replace));
  }

  const Json* object_;
  std::string what_, prefix_;
};

}}}  // namespace neutra::NEUTRA_ABI::io
