/// The headers of safetensors files.      github.com/huggingface/safetensors, README "Format"
///     8 bytes:  N, little-endian
///     N bytes:  JSON, {"name": {"dtype": ..., "shape": ..., "data_offsets": [begin, end]}, ...}
///     the rest: data
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/core/shape.hpp"
#include "neutra/io/dtype.hpp"
#include "neutra/io/file.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/utf8.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

static_assert(std::endian::native == std::endian::little,
              "neutra: safetensors data is little-endian, and so must the machine be");

/// The file's "__metadata__": string to string.
using Metadata = std::map<std::string, std::string>;

/// One tensor of a file. Its bytes are begin .. end - 1 of the data part.
struct Entry {
  std::string name;
  Dtype dtype;
  Shape shape;
  Index begin = 0, end = 0;
};

/// What a file holds, and where. Reading it validates the whole layout, and that the file is as long as it says.
class SafetensorsHeader {
 public:
  static constexpr std::uint64_t max_header = 100'000'000;  // the limit of the reference reader
  static constexpr Index max_size = (Index{1} << 48) - 1;   // limit of sizes and offsets

  /// Errors name the file and the item:
  ///   - shorter than 8 bytes; a header longer than max_header or than the file; another format (named)
  ///   - a header that is not UTF-8, not JSON, not an object, too deeply nested, or has a repeated name
  ///   - an entry with a missing, unknown or ill-typed member, an unknown dtype, more than 4 axes, a size beyond
  ///     max_size or a size product that overflows
  ///   - data with a gap or an overlap, that ends before it begins, or whose length differs from shape x dtype
  ///   - missing or trailing bytes (how many)
  explicit SafetensorsHeader(const InputFile& file) : name_(file.name()) {
    const Json header = read_header(file);
    for (const auto& member : header.items()) {
      if (member.key() == "__metadata__") {
        read_metadata(member.value());
      } else {
        entries_.push_back(read_entry(member.key(), member.value()));
      }
    }
    check_layout(file.size());
  }

  const Metadata& metadata() const { return metadata_; }
  /// All tensors, in the order of their data.
  const std::vector<Entry>& entries() const { return entries_; }
  /// The offset of the data part.
  std::uint64_t data() const { return data_; }
  /// An entry as messages call it.
  std::string item(const Entry& entry) const { return concat(name_, ": tensor ", printable(entry.name)); }

 private:
  Json read_header(const InputFile& file) {
    char first[8] = {};
    const std::size_t have = file.read_some(0, first, sizeof first);
    const FileFormat* other = other_format(file, FileKind::safetensors);
    const std::string hint = other ? concat("; it is ", *other) : std::string();
    require(have == sizeof first, name_, ": a safetensors file must have at least 8 bytes, got ", have, hint);
    std::uint64_t length = 0;
    for (int i = 7; i >= 0; --i) length = length << 8 | static_cast<unsigned char>(first[i]);
    require(length <= max_header, name_, ": a safetensors header must have at most ", max_header, " bytes, got ",
            length, hint.empty() ? "; it is of another format or damaged" : hint);
    require(length <= file.size() - 8, name_, ": the header must have ", length, " bytes, got ", file.size() - 8, ": ",
            length - (file.size() - 8), " are missing; copy or download the file again", hint);
    data_ = 8 + length;
    std::string text(static_cast<std::size_t>(length), '\0');
    file.read(8, text.data(), text.size());
    Json header = parse(text, concat(name_, ": header"));
    require(header.is_object(), name_, ": header: must be a JSON object, got ", header.type_name());
    return header;
  }

  void read_metadata(const Json& value) {
    const std::string what = concat(name_, ": __metadata__");
    const Reader reader(value, what);
    for (const auto& member : value.items()) metadata_.emplace(member.key(), reader.text(member.key()));
  }

  Entry read_entry(const std::string& name, const Json& value) const {
    const Reader reader(value, concat(name_, ": tensor ", printable(name)));
    reader.only({"dtype", "shape", "data_offsets"});
    const std::string type = reader.text("dtype");
    const auto dtype = find_dtype(type);
    require(bool(dtype), reader.what(), ": dtype must be one of the format's (F32, BF16, ...), got \"", printable(type),
            "\"; is the file newer than this program?");
    const auto sizes = reader.integers("shape", 0, max_size), offsets = reader.integers("data_offsets", 0, max_size);
    require(offsets.size() == 2, reader.what(), ": data_offsets must be two numbers, got ", offsets.size());
    return {name, *dtype, shape(sizes, reader.what()), offsets[0], offsets[1]};
  }

  static Shape shape(const std::vector<Index>& sizes, const std::string& what) {
    require(sizes.size() <= Shape::max_rank, what, ": shape must have at most ", Shape::max_rank, " axes, got ",
            sizes.size());
    Index elements = 1;
    for (const Index size : sizes) elements = checked_product(elements, size, what);
    switch (sizes.size()) {
      case 0:
        return {};
      case 1:
        return {sizes[0]};
      case 2:
        return {sizes[0], sizes[1]};
      case 3:
        return {sizes[0], sizes[1], sizes[2]};
      default:
        return {sizes[0], sizes[1], sizes[2], sizes[3]};
    }
  }

  void check_layout(std::uint64_t size) {
    std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
      return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
    });
    Index reached = 0;
    for (const Entry& entry : entries_) {
      if (entry.begin != reached)
        fail(item(entry), ": data must begin at ", reached, ", where the one before it ends, got ", entry.begin,
             entry.begin > reached ? ": a gap of " : ": an overlap of ",
             std::max(entry.begin, reached) - std::min(entry.begin, reached), " bytes");
      if (entry.end < entry.begin)
        fail(item(entry), ": data must not end before it begins, got data_offsets ", entry.begin, " and ", entry.end);
      check_span(entry);
      reached = entry.end;
    }
    const auto expected = data_ + static_cast<std::uint64_t>(reached);
    require(size >= expected, name_, ": must have ", expected, " bytes, got ", size, ": ", expected - size,
            " are missing; copy or download the file again");
    require(size <= expected, name_, ": must have ", expected, " bytes, got ", size, ": ", size - expected,
            " trailing bytes; if they are known to be harmless, cut them off: truncate -s ", expected);
  }

  void check_span(const Entry& entry) const {
    const Index bits = checked_product(entry.shape.size(), entry.dtype.bits, item(entry));
    if (bits % 8 != 0)
      fail(item(entry), ": ", entry.shape, " of ", entry.dtype, " must fill whole bytes, got ", bits, " bits");
    if (entry.end - entry.begin != bits / 8)
      fail(item(entry), ": ", entry.shape, " of ", entry.dtype, " must have ", bits / 8, " bytes, got data_offsets of ",
           entry.end - entry.begin);
  }

  std::string name_;
  std::uint64_t data_ = 0;
  std::vector<Entry> entries_;
  Metadata metadata_;
};

}}}  // namespace neutra::NEUTRA_ABI::io
