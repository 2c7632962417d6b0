// A safetensors file: its layout, and the values of each tensor.
#pragma once

#include "neutra/io/safetensors.hpp"

#include "tests/fuzz/target.hpp"

namespace fuzz {

inline void safetensors(std::string_view bytes) {
  const scratch::Folder folder;
  scratch::put(folder / "model.safetensors", bytes);
  attempt([&] {
    const auto file = io::Safetensors::open(folder / "model.safetensors");
    for (const io::Entry& entry : file.entries()) attempt([&] { file.read<float>(entry.name); });
  });
}

}  // namespace fuzz
