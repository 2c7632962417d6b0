/// Reading GGUF files, versions 2 and 3.      github.com/ggml-org/ggml, docs/gguf.md
///     "GGUF", u32 version, u64 count of tensors, u64 count of keys
///     keys:     string, u32 type, value
///     tensors:  string, u32 number of axes, u64 sizes (fastest first), u32 type, u64 offset
///     zeros up to a multiple of general.alignment
///     data:     tensors in order, each padded with zeros to the alignment; offsets count from here
/// A string is a u64 length and its bytes.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/shape.hpp"
#include "neutra/core/tensor.hpp"
#include "neutra/io/file.hpp"
#include "neutra/io/finite.hpp"
#include "neutra/io/gguf_header.hpp"
#include "neutra/io/gguf_types.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/utf8.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// One tensor of a GGUF file: matrices are (out,in), and its bytes begin at `begin` in the file.
struct GgufEntry {
  std::string name;
  const GgufType* type = nullptr;
  Shape shape;
  std::uint64_t begin = 0, bytes = 0;
};

/// A GGUF file opened for reading. Opening validates the whole layout; tensors are read one by one.
class Gguf {
 public:
  /// Errors name the file and the item:
  ///   - another format (named), version or byte order
  ///   - a header that is truncated or beyond the limits of GgufHeader; a key that is empty or occurs twice
  ///   - an alignment that is not a power of two
  ///   - a tensor with an empty, long or repeated name, more than 4 axes, sizes that overflow, a type that is not one
  ///     of gguf_types, rows that do not divide into blocks, or an offset that is not where the tensor before ends
  ///   - missing or trailing bytes (how many)
  static Gguf open(const Path& path) { return Gguf(path); }

  std::string name() const { return file_.name(); }
  /// The keys and their values, as one JSON object.
  const Json& metadata() const { return metadata_; }
  const std::vector<GgufEntry>& entries() const { return entries_; }
  /// A tensor by name; null if there is none.
  const GgufEntry* find(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : &entries_[found->second];
  }

  /// The values of a tensor, widened from its type.      Error: NaN or infinity (with its index).
  template <Scalar S> Tensor<S> read(const GgufEntry& entry) const {
    const GgufType& type = *entry.type;
    constexpr std::size_t most = 1 << 20;  // bytes at a time
    const auto size = static_cast<std::size_t>(type.bytes);
    std::vector<unsigned char> stored(most / size * size);
    Tensor<S> values(entry.shape);
    S* into = values.data();
    float block[detail::largest_gguf_block];
    for (std::uint64_t at = 0; at < entry.bytes; at += stored.size()) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(stored.size(), entry.bytes - at));
      file_.read(entry.begin + at, stored.data(), count);
      for (std::size_t k = 0; k < count; k += size) {
        type.widen(stored.data() + k, block);
        into = std::copy_n(block, type.block, into);
      }
    }
    const Index bad = first_not_finite(values.data(), values.size());
    if (bad < values.size())
      fail(item(entry.name), ": values must be finite, got ", values.data()[bad], " at index ", bad, " of ",
           entry.shape, "; the training that made it diverged, or the file is damaged");
    return values;
  }

 private:
  explicit Gguf(const Path& path) : file_(path) {
    detail::GgufHeader header(file_);
    const std::uint64_t count = read_start(header);
    alignment_ =
        static_cast<std::uint64_t>(Reader(metadata_, file_.name()).integer("general.alignment", 32, 1, Index{1} << 30));
    require(std::has_single_bit(alignment_), file_.name(), ": general.alignment must be a power of two, got ",
            alignment_, "; the file is damaged");
    for (std::uint64_t k = 0; k < count; ++k) read_entry(header);
    place(header.position());
  }

  std::string item(const std::string& tensor) const { return concat(file_.name(), ": tensor ", printable(tensor)); }
  std::uint64_t padded(std::uint64_t size) const { return (size + alignment_ - 1) / alignment_ * alignment_; }

  /// Reads up to the tensors and returns their number.
  std::uint64_t read_start(detail::GgufHeader& header) {
    char magic[4] = {};
    if (file_.read_some(0, magic, sizeof magic) < sizeof magic || std::string_view(magic, sizeof magic) != "GGUF") {
      const FileFormat* other = other_format(file_, FileKind::other);
      fail(file_.name(), ": a GGUF file must begin with \"GGUF\", got ", other ? to_string(*other) : "other bytes");
    }
    header.number<std::uint32_t>("the magic number");
    const auto version = header.number<std::uint32_t>("the version");
    require((version & 0xffff) != 0, file_.name(),
            ": a GGUF file must be little-endian, got one of the other byte order; convert it (gguf-py, "
            "gguf_convert_endian.py)");
    require(version == 2 || version == 3, file_.name(), ": a GGUF file must have version 2 or 3, got ", version,
            version == 1 ? "; convert the model again" : "; it is damaged, or newer than this program");
    const auto tensors = header.number<std::uint64_t>("the count of tensors"),
               keys = header.number<std::uint64_t>("the count of keys");
    header.expect(keys, 13, "the keys");  // a length, a type and a byte
    for (std::uint64_t k = 0; k < keys; ++k) read_key(header);
    header.expect(tensors, 24, "the tensors");  // a length, two numbers and an offset
    return tensors;
  }
  void read_key(detail::GgufHeader& header) {
    const std::string key = header.text("a key");
    require(!key.empty() && key.size() < 65536, file_.name(), ": header: a key must have 1 to 65535 bytes, got ",
            key.size(), "; the file is damaged");
    const std::string shown = printable(key);
    require(!metadata_.contains(key), file_.name(), ": header: ", shown, " must not occur twice; the file is damaged");
    const auto type = header.number<std::uint32_t>(shown);
    metadata_[key] = header.value(type, shown);
  }

  void read_entry(detail::GgufHeader& header) {
    GgufEntry entry;
    entry.name = header.text("the name of a tensor");
    const std::string what = item(entry.name);
    require(!entry.name.empty() && entry.name.size() < 64, what, ": a name must have 1 to 63 bytes, got ",
            entry.name.size(), "; the file is damaged");
    require(by_name_.emplace(entry.name, entries_.size()).second, what, ": a name must not occur twice");
    const auto axes = header.number<std::uint32_t>(what);
    require(axes >= 1 && axes <= Shape::max_rank, what, ": must have 1 to ", Shape::max_rank, " axes, got ", axes);
    Index sizes[Shape::max_rank] = {}, elements = 1;
    for (std::uint32_t axis = 0; axis < axes; ++axis) {
      const auto size = header.number<std::uint64_t>(what);
      require(size >= 1 && size <= std::uint64_t{1} << 48, what, ": sizes must be in 1 .. 2^48, got ", size);
      sizes[axis] = static_cast<Index>(size);
      elements = checked_product(elements, sizes[axis], what);
    }
    std::reverse(sizes, sizes + axes);  // the last axis of a Shape is the fastest
    entry.shape = axes == 1   ? Shape{sizes[0]}
                  : axes == 2 ? Shape{sizes[0], sizes[1]}
                  : axes == 3 ? Shape{sizes[0], sizes[1], sizes[2]}
                              : Shape{sizes[0], sizes[1], sizes[2], sizes[3]};
    entry.type = type_of(header.number<std::uint32_t>(what), what);
    require(entry.shape.cols() % entry.type->block == 0, what, ": rows of ", entry.type->name,
            " must have a multiple of ", entry.type->block, " elements, got ", entry.shape.cols());
    const Index blocks = elements / entry.type->block;
    require(static_cast<std::uint64_t>(blocks) <= file_.size() / static_cast<std::uint64_t>(entry.type->bytes), what,
            ": must lie in the file, which has ", file_.size(), " bytes, got ", elements, " elements of ",
            entry.type->name, "; the file is truncated or damaged");
    entry.bytes = static_cast<std::uint64_t>(blocks * entry.type->bytes);
    entry.begin = header.number<std::uint64_t>(what);
    entries_.push_back(std::move(entry));
  }
  static const GgufType* type_of(std::uint32_t id, const std::string& what) {
    const GgufType* const type = find_gguf_type(id);
    std::string known;
    for (const GgufType& each : gguf_types) known += concat(known.empty() ? "" : ", ", each.name);
    require(type != nullptr, what, ": the type must be one of ", known, ", got ", gguf_type_name(id),
            "; take a file of one of these (llama-quantize --pure), or the model's safetensors folder");
    return type;
  }

  /// Checks the offsets, which count from the padded end of the header, and makes them count from the start.
  void place(std::uint64_t header) {
    const std::uint64_t data = padded(header);
    std::uint64_t next = 0, end = header;  // relative to the data; of the file
    for (GgufEntry& entry : entries_) {
      require(entry.begin == next, item(entry.name), ": the offset must be ", next,
              ", where the tensor before it ends, got ", entry.begin, "; the file is damaged");
      entry.begin += data;
      end = entry.begin + entry.bytes;
      next += padded(entry.bytes);
      require(end <= file_.size(), item(entry.name), ": must end at byte ", end, " of the file, which has ",
              file_.size(), ": ", end - std::min(end, file_.size()), " are missing; copy it again");
    }
    const std::uint64_t most = data + next;  // the last padding may be absent
    require(file_.size() <= most, file_.name(), ": must end with its last tensor, at byte ", end, ", got ",
            file_.size() - std::min(most, file_.size()), " bytes too many; the file is damaged");
  }

  InputFile file_;
  Json metadata_ = Json::object();
  std::vector<GgufEntry> entries_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
  std::uint64_t alignment_ = 32;
};

}}}  // namespace neutra::NEUTRA_ABI::io
