// Model folders: a single file or shards, and what is rejected.
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

  make(folder / "model.safetensors", {{"single", 7}});  // takes precedence over the index
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
  for (const char* name :
       {"../x.safetensors", "/etc/x", "sub/x.safetensors", "..", ".", "", "a\\\\x", "C:x", "x.safetensors\\u0000"})
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

TEST_CASE("what a folder holds instead of a model is named, with the way out") {
  const scratch::Folder folder;
  int count = 0;
  const auto with = [&](std::initializer_list<std::pair<const char*, std::string>> files) {
    const auto path = folder / std::to_string(++count);
    for (const auto& [name, bytes] : files) {
      std::filesystem::create_directories((path / name).parent_path());
      put(path / name, bytes);
    }
    return [path] { WeightSource::open(path); };
  };
  const auto header = [](std::initializer_list<std::int32_t> sizes) {
    return std::string(reinterpret_cast<const char*>(sizes.begin()), 4 * sizes.size()) + std::string(40, '\0');
  };
  // 640 = 0x280 and similar sizes begin like a pickle.
  for (const int dim : {64, 640, 896, 1152, 1408, 288})
    CHECK(says(with({{"stories260K.bin", header({dim, 172, 5, 8, 4, dim == 64 ? 512 : -512, 512})}}),
               "stories260K.bin: a llama2.c model: name the file itself", "nn::load_llama2c"));
  CHECK(says(with({{"x.bin", "24ka" + std::string(60, '\0')}}), "x.bin: a llama2.c model"));
  CHECK(says(with({{"y.bin", header({64, 172, 5, 7, 4, 512, 512})}}), "neither"));
  CHECK(says(with({{"adapter_config.json", "{}"}, {"adapter_model.safetensors", ""}}), "a PEFT adapter",
             "this folder as --adapter"));
  CHECK(says(with({{"adapter_config.json", "{}"}, {"adapter_model.bin", "PK\x03\x04"}}), "a PEFT adapter"));
  CHECK(says(with({{"adapter_config.json", "{}"}, {"adapters.safetensors", ""}}), "mlx-lm", "mlx_lm.fuse"));
  CHECK(says(with({{"adapter.json", "{}"}, {"adapter.safetensors", ""}}), "made by neutra", "--adapter"));
  CHECK(says(with({{"backbone/model.safetensors", ""}}), "the output folder of a run", "backbone/"));
  CHECK(says(with({{"tokenizer.model", "x"}}), "a tokenizer (tokenizer.model) without", "model.safetensors"));
  CHECK(says(with({{"tokenizer.json", "{}"}, {"config.json", "{}"}}), "a tokenizer (tokenizer.json) without"));
  put(folder / "whole.safetensors", scratch::safetensors(R"({"__metadata__":{"format":"pt"}})"));
  CHECK(says([&] { WeightSource::open(folder / "whole.safetensors"); }, "must be a model folder, a GGUF file or",
             "a safetensors file"));
}

TEST_CASE("names of the hub and dangling links are distinguished from wrong paths") {
  const auto open = [](const io::Path& path) { return [path] { WeightSource::open(path); }; };
  CHECK(says(open("TinyLlama/TinyLlama-1.1B-Chat-v1.0"),
             "huggingface-cli download TinyLlama/TinyLlama-1.1B-Chat-v1.0 --local-dir TinyLlama-1.1B-Chat-v1.0"));
  for (const char* path :
       {"/no/where", "./no-where/at-all", "../no-where/x", "none", "a/b/c", "TheBloke/model.Q4_0.gguf", "no where/x"})
    CHECK(says(open(path), "no such file or folder; check the path"));
  CHECK(says(open("https://huggingface.co/a/b"), "models are not downloaded"));
  const scratch::Folder folder;
  std::filesystem::create_symlink("../blobs/nowhere", folder / "model.safetensors");
  CHECK(says(open(folder.path()), "model.safetensors: must be a file",
             "it is a link to ../blobs/nowhere, which is not there", "cp -rL"));
  std::filesystem::remove(folder / "model.safetensors");
  put(folder / index_name, R"({"weight_map": {"a": "x.safetensors"}})");
  std::filesystem::create_symlink("gone", folder / "x.safetensors");
  CHECK(says(open(folder.path()), "x.safetensors", "a link to gone"));
  std::filesystem::create_symlink("gone", folder / "model");
  CHECK(says(open(folder / "model"), "a link to gone"));
}

TEST_CASE("folders of other formats are refused by name") {
  const scratch::Folder folder;
  const auto open = [&] { WeightSource::open(folder.path()); };
  CHECK(says(open, folder.path().string(), "model.safetensors", "neither"));
  CHECK(says([&] { WeightSource::open(folder / "none"); }, "none", "no such file or folder"));
  put(folder / "model-q4.gguf", std::string_view("GGUF\x03\0\0\0", 8));
  CHECK(says(open, "model-q4.gguf", "a GGUF file: name the file itself", "nn::load_gguf"));
  CHECK(says([&] { WeightSource::open(folder / "model-q4.gguf"); }, "must be a folder with model.safetensors",
             "a GGUF file"));
  std::filesystem::remove(folder / "model-q4.gguf");
  put(folder / "pytorch_model.bin", "PK\x03\x04");
  CHECK(says(open, "pytorch_model.bin", "safe_serialization"));
  put(folder / "pytorch_model.bin",
      std::string("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}q\x01(X", 32));
  CHECK(says(open, "pytorch_model.bin", "a PyTorch file"));
  make(folder / "model.safetensors", {{"a", 1}});  // with weights beside it, all is well
  CHECK(WeightSource::open(folder.path()).names().size() == 1);
}
