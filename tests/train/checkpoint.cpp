// Checkpoints: restored bit for bit, and rejected as a whole if anything is wrong.
#include "neutra/train/checkpoint.hpp"

#include "neutra/core/random.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

#include <cstring>
#include <deque>
#include <limits>

using namespace neutra;
using scratch::says;

namespace {

const io::Json identity = {{"options", {{"steps", 3}, {"share", 0.1}}},
                           {"texts", {{"target.train", "abc"}}},
                           {"base", "f00"},
                           {"run", "lora"}};

/// Three parameters with values and moments determined by a seed, special values among them.
struct SavedParameters {
  std::deque<Parameter<float, Cpu>> all;

  explicit SavedParameters(std::uint64_t seed, Index width = 5) {
    for (const auto& [name, shape] :
         {std::pair{"layers.0.w", Shape{3, width}}, {"layers.1.w", Shape{width, 2}}, {"norm", Shape{4}}}) {
      auto& p = all.emplace_back(name, Tensor<float, Cpu>(shape));
      const Philox random(seed, name);
      for (Index i = 0; i < p.value.size(); ++i) {
        p.value.data()[i] = static_cast<float>(random.normal(0, static_cast<std::uint64_t>(i)));
        p.mean.data()[i] = static_cast<float>(random.normal(1, static_cast<std::uint64_t>(i)) * 1e-30);
        p.variance.data()[i] = static_cast<float>(random.uniform(2, static_cast<std::uint64_t>(i)) * 1e-38);
      }
    }
    all[0].value.data()[0] = -0.0f;
    all[0].value.data()[1] = std::numeric_limits<float>::denorm_min();
    all[0].value.data()[2] = std::numeric_limits<float>::max();
  }
  std::vector<Parameter<float, Cpu>*> pointers() {
    std::vector<Parameter<float, Cpu>*> list;
    for (auto& p : all) list.push_back(&p);
    return list;
  }
  std::string bits() const {
    std::string bytes;
    for (const auto& p : all)
      for (const auto* tensor : {&p.value, &p.mean, &p.variance})
        bytes.append(reinterpret_cast<const char*>(tensor->data()),
                     static_cast<std::size_t>(tensor->size()) * sizeof(float));
    return bytes;
  }
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

}  // namespace

TEST_CASE("checkpoint: values, moments and steps come back bit for bit, in any order of parameters") {
  const scratch::Folder folder;
  SavedParameters saved(1), read(2);
  train::save_checkpoint(folder / "c", saved.pointers(), {41, 12.5, "log"}, identity);
  CHECK(saved.bits() != read.bits());
  const auto reached = train::load_checkpoint(folder / "c", read.pointers(), identity);
  CHECK((reached.steps == 41 && reached.seconds == 12.5 && reached.log == "log"));
  CHECK(saved.bits() == read.bits());
  train::save_checkpoint(folder / "c", read.pointers(), {42, 12.5, "log"}, identity);
  CHECK(train::load_checkpoint(folder / "c", saved.pointers(), identity).steps == 42);
  CHECK(folder.count() == 1);
}

TEST_CASE("checkpoint: another run is refused by the first key that differs, and nothing is changed") {
  const scratch::Folder folder;
  SavedParameters saved(1), read(2);
  train::save_checkpoint(folder / "c", saved.pointers(), {3, 12.5, "log"}, identity);
  const std::string before = read.bits();
  const auto refused = [&](const std::string& key, const io::Json& value) {
    io::Json other = identity;
    other[key] = value;
    return says([&] { train::load_checkpoint(folder / "c", read.pointers(), other); }, "with " + key + " = ",
                value.dump(), "use the same options") &&
           read.bits() == before;
  };
  CHECK(refused("options", {{"steps", 4}, {"share", 0.1}}));
  CHECK(refused("texts", {{"target.train", "abd"}}));
  CHECK(refused("base", "f01"));
  CHECK(refused("run", "neutral"));
  CHECK(refused("compiler", "another"));
}

TEST_CASE("checkpoint: every length it may be cut to is refused, and nothing is changed") {
  const scratch::Folder folder;
  SavedParameters saved(1), read(2);
  train::save_checkpoint(folder / "c", saved.pointers(), {3, 12.5, "log"}, identity);
  const std::string bytes = scratch::get(folder / "c"), before = read.bits();
  for (std::size_t length = 0; length < bytes.size(); length += 1 + length % 7) {
    scratch::put(folder / "cut", bytes.substr(0, length));
    INFO(length << " of " << bytes.size() << " bytes");
    CHECK(says([&] { train::load_checkpoint(folder / "cut", read.pointers(), identity); }, "cut"));
  }
  scratch::put(folder / "long", bytes + "x");
  CHECK(says([&] { train::load_checkpoint(folder / "long", read.pointers(), identity); }, "long", "1"));
  CHECK(read.bits() == before);
}

TEST_CASE("checkpoint: a changed bit of any value is detected") {
  const scratch::Folder folder;
  SavedParameters saved(1), read(2);
  train::save_checkpoint(folder / "c", saved.pointers(), {3, 12.5, "log"}, identity);
  const std::string bytes = scratch::get(folder / "c"), before = read.bits();
  const std::size_t data = before.size();
  for (std::size_t i = 0; i < data; i += 13) {
    std::string changed = bytes;
    changed[bytes.size() - 1 - i] = static_cast<char>(changed[bytes.size() - 1 - i] ^ 1);
    scratch::put(folder / "changed", changed);
    CHECK(says([&] { train::load_checkpoint(folder / "changed", read.pointers(), identity); }, "changed"));
  }
  CHECK(read.bits() == before);
}

TEST_CASE("checkpoint: a changed bit of the header is detected, or has no effect") {
  const scratch::Folder folder;
  SavedParameters saved(1);
  train::save_checkpoint(folder / "c", saved.pointers(), {3, 12.5, "log"}, identity);
  const std::string bytes = scratch::get(folder / "c");
  const std::size_t header = bytes.size() - saved.bits().size();
  REQUIRE(header > 500);
  for (std::size_t bit = 0; bit < 8 * header; ++bit) {
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    std::filesystem::remove(folder /
                            "changed");  // some file systems flush an overwritten file, thousands of times here
    scratch::put(folder / "changed", changed);
    SavedParameters read(2);
    const std::string before = read.bits();
    train::SavedProgress reached;
    const std::string told =
        message([&] { reached = train::load_checkpoint(folder / "changed", read.pointers(), identity); });
    const bool same = told.empty() && reached.steps == 3 && reached.seconds == 12.5 && reached.log == "log" &&
                      read.bits() == saved.bits();
    const bool refused = told.find("changed") != std::string::npos && read.bits() == before;
    if (!same && !refused) FAIL_CHECK("bit " << bit % 8 << " of byte " << bit / 8 << ": " << told);
  }
}

TEST_CASE("checkpoint: another version, other tensors, other shapes and other files are distinguished") {
  const scratch::Folder folder;
  SavedParameters saved(1), read(2), wider(3, 6);
  train::save_checkpoint(folder / "c", saved.pointers(), {3, 12.5, "log"}, identity);
  const std::string bytes = scratch::get(folder / "c"), before = read.bits();
  const auto load = [&](auto& parameters) {
    return [&] { train::load_checkpoint(folder / "c", parameters.pointers(), identity); };
  };
  CHECK(says(load(wider), "layers.0.w", "must be (3,6), got (3,5)"));
  scratch::put(folder / "c", replaced(bytes, "neutra.checkpoint/3", "neutra.checkpoint/9"));
  CHECK(says(load(read), "must be a neutra.checkpoint/3, got neutra.checkpoint/9", "another version"));
  scratch::put(folder / "c", replaced(bytes, "\"steps\":\"3\"", "\"steps\":\"x\""));
  CHECK(says(load(read), "the file is damaged"));
  scratch::put(folder / "c", replaced(bytes, "\"steps\":\"3\"", "\"steps\":\"2\""));
  CHECK(says(load(read), "the file is damaged"));
  scratch::put(folder / "c", replaced(bytes, "\"seconds\":\"12.5\"", "\"seconds\":\"92.5\""));
  CHECK(says(load(read), "the file is damaged"));
  scratch::put(folder / "c", replaced(bytes, "\"log\":\"log\"", "\"log\":\"lag\""));
  CHECK(says(load(read), "the file is damaged"));
  scratch::put(folder / "c", replaced(bytes, "\"schema\"", "\"schemx\""));
  CHECK(says(load(read), "is not a checkpoint (schema is missing)"));
  scratch::put(folder / "c", replaced(bytes, "\"norm.mean\"", "\"norm.meam\""));
  CHECK(says(load(read), "norm.mean"));
  scratch::put(folder / "c", "PK\x03\x04 and so on");
  CHECK(says(load(read), "zip"));
  CHECK(says([&] { train::load_checkpoint(folder / "none", read.pointers(), identity); }, "none", "cannot be opened"));
  auto fewer = saved.pointers();
  fewer.pop_back();
  train::save_checkpoint(folder / "c", fewer, {3, 12.5, "log"}, identity);
  CHECK(says(load(read), "must hold 9 tensors, got 6"));
  CHECK(read.bits() == before);
}

TEST_CASE("checkpoint: values that are not finite are never saved over a good one") {
  const scratch::Folder folder;
  SavedParameters saved(1);
  train::save_checkpoint(folder / "c", saved.pointers(), {3, 12.5, "log"}, identity);
  const std::string bytes = scratch::get(folder / "c");
  saved.all[1].mean.data()[2] = std::numeric_limits<float>::quiet_NaN();
  CHECK(says(
      [&] {
        train::save_checkpoint(folder / "c", saved.pointers(), {4, 12.5, "log"}, identity);
      },
      "layers.1.w.mean"));
  CHECK(scratch::get(folder / "c") == bytes);
  CHECK(folder.count() == 1);
}
