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
    auto source = io::WeightSource::open(folder.path());
    const nn::Config read = nn::read_config(io::read_json(folder / "config.json"), "config.json");
    const nn::detail::NamedTensors tensors(std::move(source), nn::weight_list(read));
    nn::detail::check_tensors("model", tensors, read);
    for (Index index = 0; index < tensors.list().count(); ++index) tensors.read<float, Cpu>(tensors.list().at(index));
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
