// The tokenizer of a model: which file it is read from, and what is refused.
#include "neutra/train/model_tokenizer.hpp"

#include "neutra/nn/families.hpp"
#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

using namespace neutra;
using scratch::says;

TEST_CASE("tokenizers: found in a folder, trained on the pretraining text alone, or refused by the name of the file") {
  const scratch::Folder model;
  io::Json config = {{"model_type", "llama"},   {"vocab_size", 280},      {"hidden_size", 8},
                     {"intermediate_size", 16}, {"num_hidden_layers", 1}, {"num_attention_heads", 2}};
  const auto with = [&](const char* key, const io::Json& value) {
    config[key] = value;
    io::write_json(model / "config.json", config);
    return [&] { return train::tokenizer_in(model.path()); };
  };
  CHECK(says(with("hidden_act", "silu"), "must hold model.safetensors"));
  CHECK(with("neutra_tokenizer", "byte")()->vocab() == 257);
  std::string text;
  for (int i = 0; i < 200; ++i) text += concat("first ", i, "\n");
  const auto trained = train::new_tokenizer("sentencepiece", 280, text);
  CHECK(trained->vocab() == 280);
  CHECK(trained->serialized() == train::new_tokenizer("sentencepiece", 280, text)->serialized());
  CHECK(trained->decode(trained->encode("a\xff  b\n")) == "a\xff  b\n");
  io::write_file(model / "tokenizer.model", trained->serialized());
  CHECK(train::tokenizer_in(model.path())->vocab() == 280);
  CHECK(train::new_tokenizer((model / "tokenizer.model").string(), 280, "unread")->serialized() ==
        trained->serialized());
  scratch::put(model / "tokenizer.model", trained->serialized().substr(0, 100));
  CHECK(says([&] { train::tokenizer_in(model.path()); }, "tokenizer.model"));
  // Reported before its tokenizer.
  CHECK(says(with("model_type", "mamba"),
             concat("config.json: model_type must be one of ", nn::Families::names(), ", got \"mamba\"")));
  std::filesystem::remove(model / "tokenizer.model");
  CHECK(says(with("model_type", "mamba"), "got \"mamba\""));
  with("model_type", "llama");
  CHECK(says(with("quantization", {{"bits", 4}}), "quantization must be absent, got MLX weights of 4 bits"));
  CHECK(says([&] { train::new_tokenizer((model / "none").string(), 280, "unread"); }, "none"));
}

TEST_CASE("a model folder with only a tokenizer.json opens", "[train]") {
  const scratch::Folder model;
  const io::Path golden = NEUTRA_SOURCE_DIR "/tests/golden/tokenizers";
  const std::string content = scratch::get(golden / "qwen2.json");
  scratch::put(model / "tokenizer.json", content);
  const auto open = [&] { return train::tokenizer_in(model.path()); };
  CHECK(says(open, "tokenizer.json: must have a token to put in front of a text"));
  scratch::put(model / "tokenizer_config.json", R"({"bos_token": null, "eos_token": "<|endoftext|>"})");
  CHECK(open()->piece(open()->bos()) == "<|endoftext|>");
  CHECK(open()->serialized() == content);
  CHECK(train::new_tokenizer((model / "tokenizer.json").string(), 280, "unread")->vocab() == open()->vocab());
  // A tokenizer.model beside it is the one that is read.
  scratch::put(model / "tokenizer.model", "");
  CHECK(says(open, "tokenizer.model: tokenizer model: is empty"));
}
