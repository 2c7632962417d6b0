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
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// A tensor to write, and its name.
template <Storage S> struct NamedView {
  std::string name;
  View<const S> view;
};

namespace detail {

inline std::string quoted(const Path& path, const std::string& text) {
  if (utf8_prefix(text) != text.size())
    fail(path.string(), ": names and metadata must be UTF-8, got ", printable(text));
  return Json(text).dump();
}

/// The header text, padded with spaces so that the data begins at a multiple of 8 bytes.
template <Storage S>
std::string safetensors_header(const Path& path, const std::vector<NamedView<S>>& tensors, const Metadata& metadata) {
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
  for (const auto& [name, view] : tensors) {
    const Index end = begin + checked_product(view.size(), sizeof(S), name);
    std::string shape;
    for (int axis = 0; axis < view.shape.rank(); ++axis) shape += concat(axis == 0 ? "" : ",", view.shape[axis]);
    member(name) +=
        concat("{\"dtype\":\"", dtype_of<S>(), "\",\"shape\":[", shape, "],\"data_offsets\":[", begin, ",", end, "]}");
    begin = end;
  }
  text += "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');
  require(text.size() <= Safetensors::max_header, path.string(), ": a safetensors header must have at most ",
          Safetensors::max_header, " bytes, got ", text.size());
  return text;
}

template <Storage S> void write_rows(OutputFile& file, const NamedView<S>& tensor) {
  const View<const S>& view = tensor.view;
  const bool whole = view.stride == view.cols() || view.rows() == 1;
  const Index rows = whole ? 1 : view.rows(), cols = whole ? view.size() : view.cols();
  for (Index row = 0; row < rows; ++row) {
    const Index bad = first_not_finite(view.row(row), cols);
    if (bad < cols)
      fail(file.name(), ": tensor ", printable(tensor.name),
           ": values must be finite to be saved, got NaN or infinity at index ", row * cols + bad, " of ", view.shape,
           "; the previous content is unchanged");
    file.write({reinterpret_cast<const char*>(view.row(row)), static_cast<std::size_t>(cols) * sizeof(S)});
  }
}

}  // namespace detail

/// Writes tensors, sorted by name, and metadata, whole or not at all (see OutputFile). Copies no tensor.
/// Error: a repeated name; "__metadata__" as a name; text that is not UTF-8; a header over the limit; NaN or infinity
/// (which the reader rejects); the disk.
template <Storage S>
void write_safetensors(const Path& path, std::vector<NamedView<S>> tensors, const Metadata& metadata = {}) {
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::string& name = tensors[i].name;
    if (name == "__metadata__")
      fail(path.string(), ": a tensor must not be named __metadata__; the format keeps that name for itself");
    if (i > 0 && name == tensors[i - 1].name)
      fail(path.string(), ": tensor ", printable(name), " must not be given twice");
  }
  const std::string header = detail::safetensors_header(path, tensors, metadata);
  std::string length;
  for (int shift = 0; shift < 64; shift += 8)
    length += static_cast<char>(static_cast<std::uint64_t>(header.size()) >> shift);
  OutputFile file(path);
  file.write(length);
  file.write(header);
  for (const auto& tensor : tensors) detail::write_rows(file, tensor);
  file.commit();
}

}}}  // namespace neutra::NEUTRA_ABI::io
