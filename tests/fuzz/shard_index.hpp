// The index of a model in shards. Two shards are there: a.safetensors with x, b.safetensors with y.
#pragma once

#include "neutra/io/folder.hpp"

#include "tests/fuzz/target.hpp"

namespace fuzz {

inline void shard_index(std::string_view bytes) {
  const scratch::Folder folder;
  const auto shard = [](const char* name) {
    return scratch::safetensors(concat("{\"", name, R"(":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})"),
                                std::string_view("\0\0\x80\x3f", 4));
  };
  scratch::put(folder / "a.safetensors", shard("x"));
  scratch::put(folder / "b.safetensors", shard("y"));
  scratch::put(folder / "model.safetensors.index.json", bytes);
  attempt([&] {
    const auto source = io::WeightSource::open(folder.path());
    for (const std::string& name : source.names()) claim(source.read<float>(name).size() == 1, "x and y are numbers");
  });
}

}  // namespace fuzz
