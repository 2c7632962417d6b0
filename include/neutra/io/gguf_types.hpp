/// The element types of GGUF tensors.      github.com/ggml-org/ggml, ggml-common.h and ggml-quants.c
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// An element type that is read: elements are stored in blocks, whose bytes `widen` turns into `block` floats.
struct GgufType {
  std::uint32_t id;
  std::string_view name;
  Index block, bytes;  // elements and bytes of a block
  void (*widen)(const unsigned char* bytes, float* values);
};

namespace detail {

/// The most elements in a block.
inline constexpr Index largest_gguf_block = 32;

template <class T> void widen_element(const unsigned char* bytes, float* value) {
  T stored;
  std::memcpy(&stored, bytes, sizeof stored);
  *value = static_cast<float>(stored);
}
/// s q      bytes: s as f16, 32 int8
inline void widen_q8_0(const unsigned char* bytes, float* values) {
  float scale = 0;
  widen_element<f16>(bytes, &scale);
  for (int i = 0; i < 32; ++i) values[i] = scale * static_cast<float>(static_cast<std::int8_t>(bytes[2 + i]));
}
/// s (q - 8)      bytes: s as f16, 16 bytes whose low halves are elements 0 .. 15 and whose high halves are 16 .. 31
inline void widen_q4_0(const unsigned char* bytes, float* values) {
  float scale = 0;
  widen_element<f16>(bytes, &scale);
  for (int i = 0; i < 16; ++i) {
    values[i] = scale * static_cast<float>((bytes[2 + i] & 15) - 8);
    values[i + 16] = scale * static_cast<float>((bytes[2 + i] >> 4) - 8);
  }
}

}  // namespace detail

inline constexpr std::array<GgufType, 5> gguf_types = {{{0, "F32", 1, 4, detail::widen_element<float>},
                                                        {1, "F16", 1, 2, detail::widen_element<f16>},
                                                        {30, "BF16", 1, 2, detail::widen_element<bf16>},
                                                        {8, "Q8_0", 32, 34, detail::widen_q8_0},
                                                        {2, "Q4_0", 32, 18, detail::widen_q4_0}}};

/// The type of this number; null if it is not read.
inline const GgufType* find_gguf_type(std::uint32_t id) {
  for (const GgufType& type : gguf_types)
    if (type.id == id) return &type;
  return nullptr;
}

/// The name of any type, for messages.
inline std::string gguf_type_name(std::uint32_t id) {
  constexpr std::array names = {"F32",  "F16",  "Q4_0", "Q4_1", "Q4_2", "Q4_3", "Q5_0", "Q5_1",
                                "Q8_0", "Q8_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q8_K"};
  return id < names.size() ? names[id] : concat("type ", id);
}

}}}  // namespace neutra::NEUTRA_ABI::io
