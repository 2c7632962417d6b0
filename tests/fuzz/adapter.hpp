// An adapter of this library: NAME.json and NAME.safetensors, for a tiny model.
#pragma once

#include "neutra/nn/adapter_file.hpp"

#include "tests/fuzz/target.hpp"
#include "tests/nn/models.hpp"

namespace fuzz {

inline void adapter(std::string_view bytes) {
  const Pair files(bytes);
  const scratch::Folder folder;
  scratch::put(folder / "a.json", files.json);
  scratch::put(folder / "a.safetensors", files.rest);
  attempt([&] {
    const nn::AdapterFile file = nn::read_adapter_json(folder / "a.safetensors");
    nn::detail::adapter_mismatches<float, Cpu>(file, io::Safetensors::open(folder / "a.safetensors"), {},
                                               {models::tiny(), {}, {}});
  });
}

}  // namespace fuzz
