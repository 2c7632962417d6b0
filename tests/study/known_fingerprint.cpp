// The fingerprint of a run's model: computed again only when a file of the model, or its configuration, has changed.
#include "neutra/study/known_fingerprint.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

#include <chrono>

using namespace neutra;

TEST_CASE("a fingerprint is kept until the model's files or its configuration change") {
  const scratch::Folder folder, model;
  const auto file = folder / "fingerprint.json", weights = model / "model.safetensors";
  scratch::put(weights, "weights");
  scratch::put(model / "config.json", "{}");
  nn::Config config;
  int computed = 0;
  const auto get = [&] {
    study::KnownFingerprint known(file, model.path());
    const std::string fingerprint = known.get(config, [&] { return concat("number ", ++computed); });
    known.save();
    return fingerprint;
  };
  CHECK(get() == "number 1");
  CHECK(get() == "number 1");
  config.dim = 99;
  CHECK(get() == "number 2");
  CHECK(get() == "number 2");
  scratch::put(weights, "weight");  // another size
  CHECK(get() == "number 3");
  std::filesystem::last_write_time(weights, std::filesystem::last_write_time(weights) + std::chrono::seconds(1));
  CHECK(get() == "number 4");
  const auto time = std::filesystem::last_write_time(weights);
  std::filesystem::copy_file(weights, model / "copy");  // another inode
  std::filesystem::rename(model / "copy", weights);
  std::filesystem::last_write_time(weights, time);
  CHECK(get() == "number 5");
  std::string damaged = scratch::get(file);
  damaged[damaged.find("number")] = 'N';
  scratch::put(file, damaged);
  CHECK(get() == "number 6");
  CHECK(get() == "number 6");
}

TEST_CASE("a fingerprint that was not saved is computed again, and a model file needs no folder") {
  const scratch::Folder folder;
  scratch::put(folder / "model.bin", "weights");
  int computed = 0;
  for (int turn = 1; turn <= 2; ++turn) {
    study::KnownFingerprint known(folder / "fingerprint.json", folder / "model.bin");
    CHECK(known.get(nn::Config(), [&] { return concat("number ", ++computed); }) == concat("number ", turn));
  }
}
