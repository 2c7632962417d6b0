/// Element types of safetensors files, and the library's storage types among them.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"

#include <concepts>
#include <optional>
#include <string_view>
#include <type_traits>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// An element type: its name in the file and its size in bits.
struct Dtype {
  std::string_view name;
  Index bits = 0;
  friend bool operator==(const Dtype&, const Dtype&) = default;
};

inline std::string_view to_string(const Dtype& dtype) { return dtype.name; }

/// All types of the format, widest alignment first: the order of tensors in a file.
inline constexpr Dtype dtypes[] = {
    {"C64", 64},        {"F64", 64},    {"I64", 64},    {"U64", 64}, {"F32", 32}, {"U32", 32},
    {"I32", 32},        {"BF16", 16},   {"F16", 16},    {"U16", 16}, {"I16", 16}, {"F8_E8M0", 8},
    {"F8_E4M3", 8},     {"F8_E5M2", 8}, {"I8", 8},      {"U8", 8},   {"BOOL", 8}, {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8}, {"F6_E3M2", 6}, {"F6_E2M3", 6}, {"F4", 4}};

/// The type of that name; empty if the format has none.
inline std::optional<Dtype> find_dtype(std::string_view name) {
  for (const Dtype& dtype : dtypes)
    if (dtype.name == name) return dtype;
  return {};
}

/// The type that elements of S are written as.
template <Storage S> constexpr Dtype dtype_of() {
  if constexpr (std::same_as<S, bf16>)
    return {"BF16", 16};
  else if constexpr (std::same_as<S, f16>)
    return {"F16", 16};
  else if constexpr (std::same_as<S, bool>)
    return {"BOOL", 8};
  else if constexpr (Scalar<S>)
    return sizeof(S) == 4 ? Dtype{"F32", 32} : Dtype{"F64", 64};
  else {
    constexpr std::string_view names[] = {"U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64"};
    constexpr int power = sizeof(S) == 1 ? 0 : sizeof(S) == 2 ? 1 : sizeof(S) == 4 ? 2 : 3;
    return {names[2 * power + std::is_signed_v<S>], Index{8} * sizeof(S)};
  }
}

}}}  // namespace neutra::NEUTRA_ABI::io
