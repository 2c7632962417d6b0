/// Reading safetensors files.      github.com/huggingface/safetensors, README "Format"
///     8 bytes:  N, little-endian
///     N bytes:  JSON, {"name": {"dtype": ..., "shape": ..., "data_offsets": [begin, end]}, ...}
///     the rest: data
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/core/shape.hpp"
#include "neutra/core/tensor.hpp"
#include "neutra/core/view.hpp"
#include "neutra/io/dtype.hpp"
#include "neutra/io/file.hpp"
#include "neutra/io/finite.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/mapped_file.hpp"
#include "neutra/io/utf8.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
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

/// Values of a tensor in a mapped file, which leave the memory of this process with the last copy of `lender`.
template <class T> struct Lent {
  View<const T> values;
  std::shared_ptr<const void> lender;
};

/// A safetensors file opened for reading. Opening validates the whole layout, and that the file is as long as its
/// header says; data is read and converted, or lent from a mapping, tensor by tensor. The file must not be truncated or
/// written to meanwhile (see MappedFile for what happens then).
class Safetensors {
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
  static Safetensors open(const Path& path) { return Safetensors(path); }

  const Path& path() const { return file_->path(); }
  const Metadata& metadata() const { return metadata_; }

  /// All tensors, in the order of their data.
  const std::vector<Entry>& entries() const { return entries_; }
  bool contains(std::string_view name) const { return index_.find(name) != index_.end(); }

  /// Error: no tensor of that name.
  const Entry& entry(std::string_view name) const {
    const auto found = index_.find(name);
    if (found != index_.end()) return entries_[found->second];
    std::string some;
    for (std::size_t i = 0; i < entries_.size() && i < 3; ++i)
      some += concat(i == 0 ? ", such as " : ", ", printable(entries_[i].name));
    fail(file_->name(), ": tensor ", printable(name), " is missing; the file has ", entries_.size(), " tensors", some);
  }

  /// Converts a tensor of F64, F32, BF16 or F16 into memory of the same shape (with any row stride).
  /// Error: no such tensor; another shape or dtype; NaN, infinity or a value out of S's range (with the row-major index
  /// of the first).
  template <Scalar S> void read(std::string_view name, View<S> into) const {
    const Entry& found = entry(name);
    if (into.shape != found.shape)
      fail(item(found), ": shape must be ", into.shape, ", got ", found.shape,
           transposed(into.shape, found.shape) ? "; it is transposed" : "");
    dispatch(found, into);
  }

  /// Reads into a new tensor.
  template <Scalar S> Tensor<S> read(std::string_view name) const {
    const Entry& found = entry(name);
    check_dtype(found);
    Tensor<S> result(found.shape);
    dispatch(found, result.view());
    return result;
  }

  /// The values of a tensor of T in place: nothing is copied. None if they are not aligned for T in the file, or if it
  /// cannot be mapped.
  /// Error: no such tensor; another dtype; NaN or infinity (with its row-major index); the file was truncated.
  template <Storage T> std::optional<Lent<T>> lend(std::string_view name) const {
    const Entry& found = entry(name);
    require(found.dtype == dtype_of<T>(), item(found), ": dtype must be ", dtype_of<T>(), ", got ", found.dtype);
    const std::uint64_t begin = data_ + static_cast<std::uint64_t>(found.begin),
                        count = static_cast<std::uint64_t>(found.end - found.begin);
    if (!*mapped_ || begin % alignof(T) != 0) return std::nullopt;
    const auto* const values = reinterpret_cast<const T*>(mapped_->bytes(begin, count));
    check_finite<T>(found, values, 0, found.shape.size(), values);
    const auto drop = [file = mapped_, begin, count](const void*) { file->drop(begin, count); };
    return Lent<T>{View<const T>(values, found.shape), std::shared_ptr<const void>(values, drop)};
  }

 private:
  explicit Safetensors(const Path& path) : file_(std::make_shared<const InputFile>(path)) {
    const Json header = read_header();
    for (const auto& member : header.items()) {
      if (member.key() == "__metadata__") {
        read_metadata(member.value());
      } else {
        entries_.push_back(read_entry(member.key(), member.value()));
      }
    }
    check_layout();
    for (std::size_t i = 0; i < entries_.size(); ++i) index_.emplace(entries_[i].name, i);
    mapped_ = std::make_shared<const MappedFile>(file_);
  }

  std::string item(const Entry& entry) const { return concat(file_->name(), ": tensor ", printable(entry.name)); }

  Json read_header() {
    char first[8] = {};
    const std::size_t have = file_->read_some(0, first, sizeof first);
    const FileFormat* other = other_format(*file_, FileKind::safetensors);
    const std::string hint = other ? concat("; it is ", *other) : std::string();
    require(have == sizeof first, file_->name(), ": a safetensors file must have at least 8 bytes, got ", have, hint);
    std::uint64_t length = 0;
    for (int i = 7; i >= 0; --i) length = length << 8 | static_cast<unsigned char>(first[i]);
    require(length <= max_header, file_->name(), ": a safetensors header must have at most ", max_header,
            " bytes, got ", length, hint.empty() ? "; it is of another format or damaged" : hint);
    require(length <= file_->size() - 8, file_->name(), ": the header must have ", length, " bytes, got ",
            file_->size() - 8, ": ", length - (file_->size() - 8), " are missing; copy or download the file again",
            hint);
    data_ = 8 + length;
    std::string text(static_cast<std::size_t>(length), '\0');
    file_->read(8, text.data(), text.size());
    Json header = parse(text, concat(file_->name(), ": header"));
    require(header.is_object(), file_->name(), ": header: must be a JSON object, got ", header.type_name());
    return header;
  }

  void read_metadata(const Json& value) {
    const std::string what = concat(file_->name(), ": __metadata__");
    const Reader reader(value, what);
    for (const auto& member : value.items()) metadata_.emplace(member.key(), reader.text(member.key()));
  }

  Entry read_entry(const std::string& name, const Json& value) const {
    const Reader reader(value, concat(file_->name(), ": tensor ", printable(name)));
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

  void check_layout() {
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
    const auto expected = data_ + static_cast<std::uint64_t>(reached), size = file_->size();
    require(size >= expected, file_->name(), ": must have ", expected, " bytes, got ", size, ": ", expected - size,
            " are missing; copy or download the file again");
    require(size <= expected, file_->name(), ": must have ", expected, " bytes, got ", size, ": ", size - expected,
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

  static bool transposed(const Shape& a, const Shape& b) {
    return a.rank() == 2 && b.rank() == 2 && a[0] == b[1] && a[1] == b[0];
  }

  void check_dtype(const Entry& entry) const {
    const std::string_view dtype = entry.dtype.name;
    if (dtype != "F32" && dtype != "F64" && dtype != "BF16" && dtype != "F16")
      fail(item(entry), ": dtype must be F64, F32, BF16 or F16 to be read as numbers, got ", dtype,
           "; quantised weights must be converted first");
  }

  template <class S> void dispatch(const Entry& entry, View<S> into) const {
    check_dtype(entry);
    if (entry.dtype == dtype_of<float>()) return read_rows<float>(entry, into);
    if (entry.dtype == dtype_of<double>()) return read_rows<double>(entry, into);
    if (entry.dtype == dtype_of<bf16>()) return read_rows<bf16>(entry, into);
    read_rows<f16>(entry, into);
  }

  template <class Source, class S> void read_rows(const Entry& entry, View<S> into) const {
    const bool whole = into.stride == into.cols() || into.rows() == 1;
    const Index rows = whole ? 1 : into.rows(), cols = whole ? into.size() : into.cols();
    // Small enough to stay in the L2 cache.
    std::vector<Source> buffer(static_cast<std::size_t>(std::min<Index>(cols, 1 << 16)));
    for (Index row = 0; row < rows; ++row) {
      for (Index first = 0; first < cols; first += static_cast<Index>(buffer.size())) {
        const Index count = std::min<Index>(cols - first, static_cast<Index>(buffer.size())),
                    index = row * cols + first;
        file_->read(
            data_ + static_cast<std::uint64_t>(entry.begin) + static_cast<std::uint64_t>(index) * sizeof(Source),
            buffer.data(), static_cast<std::size_t>(count) * sizeof(Source));
        convert(buffer.data(), into.row(row) + first, count);
        check_finite<S>(entry, into.row(row) + first, index, count, buffer.data());
      }
    }
  }

  /// Error: NaN or infinity among values that begin at row-major `index`. stored: the values in the file
  template <class S, class Source>
  void check_finite(const Entry& entry, const S* values, Index index, Index count, const Source* stored) const {
    const Index bad = first_not_finite(values, count);
    if (bad < count)
      fail(item(entry), ": values must be finite as ", dtype_of<S>(), ", got ", widened(stored[bad]), " at index ",
           index + bad, " of ", entry.shape, "; the training that made it diverged, or the file is damaged");
  }

  template <class Source, class S> static void convert(const Source* from, S* to, Index count) {
    for (Index i = 0; i < count; ++i) to[i] = static_cast<S>(widened(from[i]));
  }

  std::shared_ptr<const InputFile> file_;
  std::shared_ptr<const MappedFile> mapped_;
  std::uint64_t data_ = 0;  // offset of the data part
  std::vector<Entry> entries_;
  std::map<std::string, std::size_t, std::less<>> index_;
  Metadata metadata_;
};

}}}  // namespace neutra::NEUTRA_ABI::io
