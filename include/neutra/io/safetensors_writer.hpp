/// Writing safetensors files, byte for byte as the reference implementation does.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/core/shape.hpp"
#include "neutra/core/view.hpp"
#include "neutra/io/dtype.hpp"
#include "neutra/io/finite.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/output_file.hpp"
#include "neutra/io/safetensors_reader.hpp"
#include "neutra/io/utf8.hpp"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// A tensor to write, and its name.
template <Storage S> struct NamedView {
  std::string name;
  View<const S> view;
};

/// A tensor to write, whose elements are made when their turn comes, so that one at a time need be in memory.
struct TensorSource {
  std::string name;
  Dtype dtype;
  Shape shape;
  std::function<void(OutputFile&)> write;
};

namespace detail {

inline std::string quoted(const Path& path, const std::string& text) {
  if (utf8_prefix(text) != text.size())
    fail(path.string(), ": names and metadata must be UTF-8, got ", printable(text));
  return Json(text).dump();
}

/// The header text, padded with spaces so that the data begins at a multiple of 8 bytes.
inline std::string safetensors_header(const Path& path, const std::vector<TensorSource>& tensors,
                                      const Metadata& metadata) {
  std::string text = "{";
  const auto member = [&](const std::string& key) -> std::string& {
    return text += (text.back() == '{' ? "" : ",") + quoted(path, key) + ":";
  };
  if (!metadata.empty()) {
    member("__metadata__") += "{";
    for (const auto& [key, value] : metadata) member(key) += quoted(path, value);
    text += "}";
  }
  Index begin = 0;
  for (const TensorSource& tensor : tensors) {
    const Index end = begin + checked_product(tensor.shape.size(), tensor.dtype.bits / 8, tensor.name);
    std::string shape;
    for (int axis = 0; axis < tensor.shape.rank(); ++axis) shape += concat(axis == 0 ? "" : ",", tensor.shape[axis]);
    member(tensor.name) +=
        concat("{\"dtype\":\"", tensor.dtype, "\",\"shape\":[", shape, "],\"data_offsets\":[", begin, ",", end, "]}");
    begin = end;
  }
  text += "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');
  require(text.size() <= SafetensorsHeader::max_header, path.string(), ": a safetensors header must have at most ",
          SafetensorsHeader::max_header, " bytes, got ", text.size());
  return text;
}

template <Storage S> void write_rows(OutputFile& file, const std::string& name, const View<const S>& view) {
  const bool whole = view.stride == view.cols() || view.rows() == 1;
  const Index rows = whole ? 1 : view.rows(), cols = whole ? view.size() : view.cols();
  for (Index row = 0; row < rows; ++row) {
    const Index bad = first_not_finite(view.row(row), cols);
    if (bad < cols)
      fail(file.name(), ": tensor ", printable(name),
           ": values must be finite to be saved, got NaN or infinity at index ", row * cols + bad, " of ", view.shape,
           "; the previous content is unchanged");
    file.write({reinterpret_cast<const char*>(view.row(row)), static_cast<std::size_t>(cols) * sizeof(S)});
  }
}

/// Writes the elements of a tensor, converted to T.
template <Storage T, Scalar S>
void write_rows_as(OutputFile& file, const std::string& name, const View<const S>& view) {
  if constexpr (std::same_as<T, S>) return write_rows<T>(file, name, view);
  std::vector<T> row(static_cast<std::size_t>(view.cols()));
  for (Index n = 0; n < view.rows(); ++n) {
    std::transform(view.row(n), view.row(n) + view.cols(), row.begin(),
                   [](S value) { return static_cast<T>(static_cast<std::conditional_t<Scalar<T>, T, float>>(value)); });
    if (const Index bad = first_not_finite(row.data(), view.cols()); bad < view.cols())
      fail(file.name(), ": tensor ", printable(name), ": values must be finite as ", dtype_of<T>(),
           " to be saved, got ", view(n, bad), " at index ", n * view.cols() + bad, " of ", view.shape,
           "; save it in a wider type. The previous content is unchanged");
    write_rows<T>(file, name, {row.data(), {view.cols()}});
  }
}

}  // namespace detail

/// Writes the elements of a tensor as a type of the format. Error: NaN or infinity, also where the type cannot hold the
/// value; another type than F64, F32, BF16 or F16.
template <Scalar S>
void write_elements(OutputFile& file, const std::string& name, const View<const S>& view, const Dtype& dtype) {
  if (dtype == dtype_of<float>()) return detail::write_rows_as<float>(file, name, view);
  if (dtype == dtype_of<double>()) return detail::write_rows_as<double>(file, name, view);
  if (dtype == dtype_of<bf16>()) return detail::write_rows_as<bf16>(file, name, view);
  require(dtype == dtype_of<f16>(), file.name(), ": tensor ", printable(name),
          ": must be written as F64, F32, BF16 or F16, got ", dtype);
  detail::write_rows_as<f16>(file, name, view);
}

/// Writes tensors and metadata, whole or not at all (see OutputFile): the widest types first, then sorted by name.
/// Error: a repeated name; "__metadata__" as a name; text that is not UTF-8; a header over the limit; NaN or infinity
/// (which the reader rejects); the disk.
inline void write_safetensors(const Path& path, std::vector<TensorSource> tensors, const Metadata& metadata = {}) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorSource& a, const TensorSource& b) {
    return a.dtype.bits != b.dtype.bits ? a.dtype.bits > b.dtype.bits : a.name < b.name;
  });
  std::set<std::string_view> names;
  for (const TensorSource& tensor : tensors) {
    const std::string& name = tensor.name;
    if (name == "__metadata__")
      fail(path.string(), ": a tensor must not be named __metadata__; the format keeps that name for itself");
    if (!names.insert(name).second) fail(path.string(), ": tensor ", printable(name), " must not be given twice");
  }
  const std::string header = detail::safetensors_header(path, tensors, metadata);
  std::string length;
  for (int shift = 0; shift < 64; shift += 8)
    length += static_cast<char>(static_cast<std::uint64_t>(header.size()) >> shift);
  OutputFile file(path);
  file.write(length);
  file.write(header);
  for (const TensorSource& tensor : tensors) tensor.write(file);
  file.commit();
}

/// The same of tensors of one type, sorted by name. Copies no tensor.
template <Storage S>
void write_safetensors(const Path& path, const std::vector<NamedView<S>>& tensors, const Metadata& metadata = {}) {
  std::vector<TensorSource> sources;
  for (const NamedView<S>& tensor : tensors)
    sources.push_back({tensor.name, dtype_of<S>(), tensor.view.shape,
                       [&](OutputFile& file) { detail::write_rows<S>(file, tensor.name, tensor.view); }});
  write_safetensors(path, std::move(sources), metadata);
}

}}}  // namespace neutra::NEUTRA_ABI::io
