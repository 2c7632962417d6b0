// A LoRA folder of PEFT: adapter_config.json and adapter_model.safetensors, for a small llama.
#pragma once

#include "neutra/nn/peft.hpp"

#include "tests/fuzz/target.hpp"
#include "tests/nn/models.hpp"

#include <deque>

namespace fuzz {

inline void peft(std::string_view bytes) {
  const nn::Config config = models::tiny();
  const Pair files(bytes);
  const scratch::Folder folder;
  scratch::put(folder / "adapter_config.json", files.json);
  scratch::put(folder / "adapter_model.safetensors", files.rest);
  attempt([&] {
    const nn::PeftLora lora(folder.path());
    const auto found = lora.lora(config);
    std::deque<Parameter<float, Cpu>> parameters;
    for (Index layer = 0; layer < config.layers; ++layer)
      for (const neutra::adapter::Site site : found.sites) {
        const auto sizes = config.sizes();
        const std::string name = nn::detail::lora_name(layer, site);
        parameters.emplace_back(name + "a", Tensor<float, Cpu>({found.rank, sizes.inputs(site)}));
        parameters.emplace_back(name + "b", Tensor<float, Cpu>({sizes.outputs(site), found.rank}));
      }
    std::vector<Parameter<float, Cpu>*> pointers;
    for (auto& parameter : parameters) pointers.push_back(&parameter);
    lora.load(pointers, config);
    lora.sha256();
  });
}

}  // namespace fuzz
