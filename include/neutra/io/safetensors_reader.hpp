/// Reading the tensors of safetensors files.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/core/shape.hpp"
#include "neutra/core/tensor.hpp"
#include "neutra/core/view.hpp"
#include "neutra/io/dtype.hpp"
#include "neutra/io/file.hpp"
#include "neutra/io/finite.hpp"
#include "neutra/io/mapped_file.hpp"
#include "neutra/io/safetensors_header.hpp"
#include "neutra/io/utf8.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

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
  /// Errors: those of SafetensorsHeader.
  static Safetensors open(const Path& path) { return Safetensors(path); }

  const Path& path() const { return file_->path(); }
  const Metadata& metadata() const { return header_.metadata(); }

  /// All tensors, in the order of their data.
  const std::vector<Entry>& entries() const { return header_.entries(); }
  bool contains(std::string_view name) const { return index_.find(name) != index_.end(); }

  /// Error: no tensor of that name.
  const Entry& entry(std::string_view name) const {
    const auto found = index_.find(name);
    if (found != index_.end()) return entries()[found->second];
    std::string some;
    for (std::size_t i = 0; i < entries().size() && i < 3; ++i)
      some += concat(i == 0 ? ", such as " : ", ", printable(entries()[i].name));
    fail(file_->name(), ": tensor ", printable(name), " is missing; the file has ", entries().size(), " tensors", some);
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
    const std::uint64_t begin = header_.data() + static_cast<std::uint64_t>(found.begin),
                        count = static_cast<std::uint64_t>(found.end - found.begin);
    if (!*mapped_ || begin % alignof(T) != 0) return std::nullopt;
    const auto* const values = reinterpret_cast<const T*>(mapped_->bytes(begin, count));
    check_finite<T>(found, values, 0, found.shape.size(), values);
    const auto drop = [file = mapped_, begin, count](const void*) { file->drop(begin, count); };
    return Lent<T>{View<const T>(values, found.shape), std::shared_ptr<const void>(values, drop)};
  }

 private:
  explicit Safetensors(const Path& path) : file_(std::make_shared<const InputFile>(path)), header_(*file_) {
    for (std::size_t i = 0; i < entries().size(); ++i) index_.emplace(entries()[i].name, i);
    mapped_ = std::make_shared<const MappedFile>(file_);
  }

  std::string item(const Entry& entry) const { return header_.item(entry); }

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
        file_->read(header_.data() + static_cast<std::uint64_t>(entry.begin) +
                        static_cast<std::uint64_t>(index) * sizeof(Source),
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
  SafetensorsHeader header_;
  std::shared_ptr<const MappedFile> mapped_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

}}}  // namespace neutra::NEUTRA_ABI::io
