// A llama2.c model.
#pragma once

#include "neutra/nn/families.hpp"
#include "neutra/nn/families/llama2c.hpp"

#include "tests/fuzz/target.hpp"

namespace fuzz {

inline void llama2c_model(std::string_view bytes) {
  const scratch::Folder folder;
  scratch::put(folder / "model.bin", bytes);
  attempt([&] {
    const nn::detail::Llama2cFile file(folder / "model.bin");
    const nn::WeightList list = nn::weight_list(file.config());
    for (Index index = 0; index < list.count(); ++index) file.read(list.at(index));
  });
}

}  // namespace fuzz
