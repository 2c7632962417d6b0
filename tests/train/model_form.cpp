// A model of each form opens by its path, and what is saved from it is a folder with the same weights and ids.
#include "neutra/study/pretraining.hpp"
#include "neutra/train/load.hpp"

#include "tests/catch.hpp"
#include "tests/data/llama2c_tokens.hpp"
#include "tests/io/scratch.hpp"
#include "tests/nn/gguf_models.hpp"
#include "tests/nn/models.hpp"
#include "tests/train/small.hpp"

using namespace neutra;
using scratch::says;

namespace {

constexpr std::int32_t vocabulary = 272;

/// A llama2.c file of a few weights, all 1/2.
std::string llama2c_model(std::int32_t tokens = vocabulary) {
  const std::vector<std::int32_t> header = {4, 6, 1, 2, 1, tokens, 16};
  const int numbers = tokens * 4 + 4 + 16 + 8 + 8 + 16 + 4 + 3 * 24 + 4 + 16 * 2;
  return samples::raw_all(header) + samples::raw_all(std::vector<float>(static_cast<std::size_t>(numbers), 0.5f));
}

train::LoadedModel load(const io::Path& path) { return train::load_model(path, {}, small::registry()); }

/// Saves a model, loads the folder and compares.
void check_saved(const io::Path& path, const io::Path& folder) {
  const train::LoadedModel loaded = load(path);
  study::save_model(folder, *loaded.model, *loaded.tokenizer);
  const train::LoadedModel again = load(folder);
  CHECK(models::same(*again.model->backbone(), *loaded.model->backbone()));
  CHECK(again.tokenizer->serialized() == loaded.tokenizer->serialized());
  CHECK(again.tokenizer->encode("then the") == loaded.tokenizer->encode("then the"));
}

}  // namespace

TEST_CASE("a llama2.c file opens with the tokenizer beside it") {
  const scratch::Folder folder;
  const io::Path model = folder / "stories.bin", tokens = folder / "tokenizer.bin";
  scratch::put(model, llama2c_model());
  REQUIRE(samples::llama2c_tokens().size() == static_cast<std::size_t>(vocabulary));
  CHECK(says([&] { load(model); }, "stories.bin: its tokenizer must be beside it as tokenizer.bin or tokenizer.model"));
  scratch::put(tokens, samples::llama2c_tokenizer(samples::llama2c_tokens()));
  CHECK(load(model).tokenizer->vocab() == vocabulary);
  check_saved(model, folder / "saved");
  // The file itself may have any name.
  std::filesystem::rename(model, folder / "model");
  CHECK(load(folder / "model").model->backbone()->config().dim == 4);
  scratch::put(tokens, samples::llama2c_tokenizer(samples::llama2c_tokens()).substr(0, 99));
  CHECK(says([&] { load(folder / "model"); }, tokens.string() + ": tokenizer.bin: "));
  scratch::put(folder / "other.bin", llama2c_model(100));
  scratch::put(tokens, samples::llama2c_tokenizer(samples::llama2c_tokens()));
  CHECK(says([&] { load(folder / "other.bin"); }, "must have 100 tokens, as other.bin has, got 272"));
  std::filesystem::rename(folder / "saved/tokenizer.model", folder / "tokenizer.model");
  std::filesystem::remove(tokens);
  CHECK(load(folder / "model").tokenizer->vocab() == vocabulary);
}

TEST_CASE("a GGUF file opens with the tokenizer in it") {
  const scratch::Folder folder;
  nn::Config config = models::tiny();
  config.vocabulary = vocabulary;
  const auto model = models::random(config);
  auto bytes = samples::gguf_of(*model, "F32");
  std::vector<std::string> tokens;
  std::vector<float> scores;
  std::vector<std::int32_t> types;
  for (const auto& [text, score] : samples::llama2c_tokens()) {
    types.push_back(tokens.size() < 3 ? 3 : tokens.size() < 259 ? 6 : 1);
    tokens.push_back(text == " t" ? "\xe2\x96\x81t" : text);
    scores.push_back(score);
  }
  bytes.set("tokenizer.ggml.model", samples::text("llama"));
  bytes.set("tokenizer.ggml.tokens", samples::texts(tokens));
  bytes.set("tokenizer.ggml.scores", samples::array_of<float>(6, scores));
  bytes.set("tokenizer.ggml.token_type", samples::array_of<std::int32_t>(5, types));
  scratch::put(folder / "any-name", bytes.file());
  CHECK(models::same(*load(folder / "any-name").model->backbone(), *model));
  check_saved(folder / "any-name", folder / "saved");
  // Of a file, unlike a folder, nothing but the tokenizer is missing.
  bytes.drop("tokenizer.ggml.model");
  scratch::put(folder / "m.gguf", bytes.file());
  CHECK(says([&] { load(folder / "m.gguf"); }, "m.gguf: tokenizer.ggml.model is missing"));
}

TEST_CASE("what is no model is named, by its first bytes and then by its ending") {
  const scratch::Folder folder;
  const auto refuses = [&](const char* name, const std::string& bytes, const std::string& text) {
    scratch::put(folder / name, bytes);
    return says([&] { load(folder / name); }, text);
  };
  CHECK(refuses("pytorch_model.bin", "PK\x03\x04" + std::string(60, 'x'), "a PyTorch file"));
  CHECK(refuses("a.bin", std::string(60, '\0'), "a.bin: header: dim must be in 1 .. "));
  CHECK(refuses("b.gguf", "GGML" + std::string(60, 'x'), "b.gguf: a GGUF file must begin with \"GGUF\""));
  CHECK(refuses("c.gguf", "GGUF\x03", "c.gguf: header: "));
  CHECK(refuses("d.bin", "24ka" + std::string(60, '\0'), "d.bin: must have version 0"));
  // 20240326, version 3, a context of 1024, 50257 tokens, 12 layers, 12 heads, a width of 768
  const std::string llm_c = samples::raw_all(std::vector<std::int32_t>{20240326, 3, 1024, 50257, 12, 12, 768, 50304}) +
                            std::string(1000, '\0');
  for (const char* name : {"gpt2_124M.bin", "model"})
    CHECK(refuses(name, llm_c,
                  std::string(name) +
                      ": must be a model folder, a GGUF file or a llama2.c file, got a model of llm.c, "
                      "which is not read; write it as a Hugging Face folder with its dev/eval/export_hf.py"));
  CHECK(refuses("e.gguf", "PK\x03\x04" + std::string(60, 'x'), "a PyTorch file"));
  CHECK(refuses("f", "text", "must be a model folder, a GGUF file or a llama2.c file, got a file"));
  CHECK(says([&] { load(folder.path()); }, "must hold model.safetensors"));
  CHECK(says([&] { load(folder / "none.gguf"); }, "none.gguf: there is no such file or folder"));
}
