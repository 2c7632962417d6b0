// Model folders: one file or shards, and what is refused.
#include "neutra/io/folder.hpp"

#include "neutra/io/safetensors_writer.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

using namespace neutra;
using io::WeightSource;
using scratch::put;
using scratch::says;

namespace {

void make(const io::Path& path, std::initializer_list<std::pair<const char*, float>> tensors) {
  std::vector<Tensor<float>> values;
  std::vector<io::NamedView<float>> views;
  for (const auto& [name, value] : tensors) {
    values.emplace_back(Shape{2, 1});
    values.back().data()[0] = value;
    views.push_back({name, values.back().view()});
  }
  io::write_safetensors<float>(path, views);
}

constexpr const char* index_name = "model.safetensors.index.json";

}  // namespace

TEST_CASE("a folder with one file gives its tensors") {
  const scratch::Folder folder;
  make(folder / "model.safetensors", {{"b", 2}, {"a", 1}});
  const auto source = WeightSource::open(folder.path());
  CHECK(source.names() == std::vector<std::string>{"a", "b"});
  CHECK(source.contains("a"));
  CHECK_FALSE(source.contains("c"));
  CHECK(source.shape("a") == Shape{2, 1});
  CHECK(source.read<float>("b").data()[0] == 2);
  Tensor<double> into({2, 1});
  source.read<double>("a", into);
  CHECK(into.data()[0] == 1);
  CHECK(says([&] { source.read<float>("c"); }, folder.path().string(), "tensor c is missing", "2 tensors"));
  CHECK(says([&] { source.shape("c"); }, "tensor c is missing"));
}

TEST_CASE("shards give the tensor of the file that the index names") {
  const scratch::Folder folder;
  make(folder / "model-00001-of-00002.safetensors", {{"a", 1}, {"both", 10}, {"unmentioned", 5}});
  make(folder / "model-00002-of-00002.safetensors", {{"b", 2}, {"both", 20}});
  put(folder / index_name, R"({"metadata": {"total_size": 24}, "weight_map": {"a": "model-00001-of-00002.safetensors",
      "b": "model-00002-of-00002.safetensors", "both": "model-00002-of-00002.safetensors"}})");
  const auto source = WeightSource::open(folder.path());
  CHECK(source.names() == std::vector<std::string>{"a", "b", "both", "unmentioned"});
  CHECK(source.read<float>("a").data()[0] == 1);
  CHECK(source.read<float>("b").data()[0] == 2);
  CHECK(source.read<float>("both").data()[0] == 20);
  CHECK(source.read<float>("unmentioned").data()[0] == 5);
  CHECK(source.files().size() == 2);

  make(folder / "model.safetensors", {{"single", 7}});  // goes before the index
  CHECK(WeightSource::open(folder.path()).names() == std::vector<std::string>{"single"});
}

TEST_CASE("an index that does not fit its shards is refused") {
  const scratch::Folder folder;
  make(folder / "x.safetensors", {{"a", 1}});
  const auto with = [&](std::string_view text) {
    put(folder / index_name, text);
    return [&] { WeightSource::open(folder.path()); };
  };
  CHECK(says(with(R"({"weight_map": {"a": "x.safetensors", "b": "y.safetensors", "c": "z.safetensors"}})"), index_name,
             "missing: y.safetensors, z.safetensors"));
  CHECK(says(with(R"({"weight_map": {"a": "x.safetensors", "b": "x.safetensors", "c": "x.safetensors"}})"), index_name,
             "2 are not: b (x.safetensors), c"));
  for (const char* name : {"../x.safetensors", "/etc/x", "sub/x.safetensors", "..", ".", "", "a\\\\x", "C:x", "x.safetensors\\u0000"})
    CHECK(says(with(concat(R"({"weight_map": {"a": ")", name, R"("}})")), index_name, "plain file name"));
  CHECK(says(with(R"({"weight_map": {"a": 1}})"), "weight_map.a must be a string, got 1"));
  CHECK(says(with(R"({"weight_map": []})"), "weight_map must be an object"));
  CHECK(says(with(R"({"weight_map": {}})"), "at least one tensor"));
  CHECK(says(with(R"({"weight_map": {"a": "x.safetensors", "a": "x.safetensors"}})"), "\"a\"", "twice"));
  CHECK(says(with("{}"), "weight_map is missing"));
  CHECK(says(with("[]"), "JSON object"));
  CHECK(says(with(""), "empty"));
  put(folder / "x.safetensors", "PK\x03\x04 this is a zip");
  CHECK(says(with(R"({"weight_map": {"a": "x.safetensors"}})"), "x.safetensors", "zip"));
}

TEST_CASE("folders of other formats are refused by name") {
  const scratch::Folder folder;
  const auto open = [&] { WeightSource::open(folder.path()); };
  CHECK(says(open, folder.path().string(), "model.safetensors", "neither"));
  CHECK(says([&] { WeightSource::open(folder / "none"); }, "none", "no such folder"));
  put(folder / "model-q4.gguf", std::string_view("GGUF\x03\0\0\0", 8));
  CHECK(says(open, "model-q4.gguf", "GGUF files are not read"));
  CHECK(says([&] { WeightSource::open(folder / "model-q4.gguf"); }, "must be a folder", "a GGUF file"));
  std::filesystem::remove(folder / "model-q4.gguf");
  put(folder / "pytorch_model.bin", "PK\x03\x04");
  CHECK(says(open, "pytorch_model.bin", "safe_serialization"));
  make(folder / "model.safetensors", {{"a", 1}});  // beside it, all is well
  CHECK(WeightSource::open(folder.path()).names().size() == 1);
}
