// The config.json of each family. What is read is written, and read again, as the same model.
#pragma once

#include "neutra/nn/adapter_file.hpp"
#include "neutra/nn/config_json.hpp"

#include "tests/fuzz/target.hpp"

#include <optional>

namespace fuzz {

inline void config(std::string_view bytes) {
  std::optional<nn::Config> config;
  attempt([&] { config = nn::read_config(io::parse(bytes, "config.json"), "config.json"); });
  if (!config) return;
  claim(nn::weight_list(*config).count() > 0 && config->sizes().layers == config->layers, "a model has weights");
  const io::Json written = nn::config_json(*config, "float32");
  claim(nn::read_config(io::parse(written.dump(), "config.json"), "config.json") == *config,
        "a config.json must be read as it was written");
  const io::Json json = nn::detail::model_json(*config);
  nn::Config again = nn::detail::read_model(io::Reader(json, "adapter.json"));
  again.eos = config->eos;  // no part of an adapter's file
  claim(again == *config, "an adapter's file must hold the configuration of its model");
}

}  // namespace fuzz
