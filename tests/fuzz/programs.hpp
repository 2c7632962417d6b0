// What programs make of files: the adapter that an adapter file describes, the settings of generate in a
// generation_config.json, and the seed in an outcome.json.
#pragma once

#include "neutra/program/run_generate.hpp"
#include "neutra/program/run_inspect.hpp"

#include "tests/fuzz/target.hpp"
#include "tests/nn/models.hpp"

namespace fuzz {

inline void described_adapter(std::string_view bytes) {
  static const auto registry = neutra::adapter::of_library<gate::All>();
  const Pair files(bytes);
  const scratch::Folder folder;
  scratch::put(folder / "a.json", files.json);
  scratch::put(folder / "a.safetensors", files.rest);
  attempt(
      [&] { train::check_weights(train::saved_adapter(folder / "a.safetensors", registry), models::tiny().sizes()); });
}

inline void sampling(std::string_view bytes) {
  attempt([&] {
    const io::Json json = io::parse(bytes, "generation_config.json");
    CLI::App app;
    program::detail::GenerateOptions options;
    options.add_to(app);
    options.add_defaults(io::Reader(json, "generation_config.json"));
    options.sampling.check();
    const float logits[] = {1, -2, 0};
    program::Sampler(options.sampling, {0, 1, 2}).draw({logits, {3}}, {}, 0.5);
  });
}

inline void recorded_seed(std::string_view bytes) {
  io::Json json;
  attempt([&] { json = io::parse(bytes, "outcome.json"); });
  if (!json.is_object()) return;
  const scratch::Folder folder;
  io::write_sealed(folder / "outcome.json", json);
  attempt([&] { program::detail::recorded_seed(folder / "adapter.safetensors"); });
}

/// The corpora are those of the readers in targets.hpp.
inline constexpr Target program_targets[] = {
    {"adapter", described_adapter}, {"generation_config", sampling}, {"outcome", recorded_seed}};

}  // namespace fuzz
