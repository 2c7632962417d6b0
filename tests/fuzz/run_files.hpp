// What a run leaves in its folder: an outcome sealed with its own hash, a log, and checkpoints.
#pragma once

#include "neutra/study/outcome.hpp"
#include "neutra/train/checkpoint.hpp"
#include "neutra/train/log.hpp"

#include "tests/fuzz/target.hpp"

namespace fuzz {

/// Read as it is, and with its hash made right: whoever changes a file on purpose can do so too.
inline void outcome(std::string_view bytes) {
  const scratch::Folder folder;
  const io::Path path = folder / "outcome.json";
  scratch::put(path, bytes);
  attempt([&] { io::read_sealed(path); });
  io::Json json;
  attempt([&] { json = io::parse(bytes, "outcome.json"); });
  if (!json.is_object()) return;
  io::write_sealed(path, json);
  study::Run asked;
  if (json.contains("row")) attempt([&] { asked = study::detail::read_row(json["row"], "row"); });
  if (json.contains("failed")) attempt([&] { asked = study::failure_from_json(json["failed"], "failed").run; });
  attempt([&] { study::read_ending(folder.path(), asked); });
}

inline void log(std::string_view bytes) {
  const scratch::Folder folder;
  scratch::put(folder / "log.jsonl", bytes);
  attempt([&] { train::Log(folder / "log.jsonl", 2); });
}

inline void checkpoint(std::string_view bytes) {
  const scratch::Folder folder;
  scratch::put(folder / "checkpoint.safetensors", bytes);
  Parameter<float, DefaultDevice> w("w", Tensor<float, DefaultDevice>({2}));
  attempt([&] { train::load_checkpoint(folder / "checkpoint.safetensors", {&w}, {{"run", "a"}}); });
}

}  // namespace fuzz
