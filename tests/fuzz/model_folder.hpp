// A model folder: config.json and model.safetensors, and the tokens that end a text by generation_config.json.
#pragma once

#include "neutra/nn/model_folder.hpp"

#include "tests/fuzz/target.hpp"

namespace fuzz {

inline void model_folder(std::string_view bytes) {
  const Pair files(bytes);
  const scratch::Folder folder;
  scratch::put(folder / "config.json", files.json);
  scratch::put(folder / "model.safetensors", files.rest);
  attempt([&] {
    const auto source = io::WeightSource::open(folder.path());
    const nn::Config read = nn::read_config(io::read_json(folder / "config.json"), "config.json");
    nn::detail::check_tensors("model", source, read);
    const nn::WeightList list = nn::weight_list(read);
    const nn::detail::NamedTensors tensors(source, list);
    for (Index index = 0; index < list.count(); ++index) tensors.read<float, Cpu>(list.at(index));
  });
}

inline void generation_config(std::string_view bytes) {
  attempt([&] {
    const io::Json json = io::parse(bytes, "generation_config.json");
    for (const Index id : nn::detail::read_ends(json, "generation_config.json", 100))
      claim(id >= 0 && id < 100, "an end of text must be a token");
  });
}

}  // namespace fuzz
