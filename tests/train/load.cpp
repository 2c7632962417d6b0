// A model and its adapter from files: what only the program that loads them can notice.
#include "neutra/train/load.hpp"
#include "neutra/train/pretraining.hpp"

#include "tests/io/scratch.hpp"
#include "tests/train/small.hpp"

using namespace neutra;

TEST_CASE("an adapter whose gate has other options here is refused, for it would be another function", "[train]") {
  const scratch::Folder folder;
  train::Model model(small::Trained::backbone(), adapter::None{});
  model.thaw();
  train::save_model(folder / "model", model, data::ByteTokenizer());
  const auto backbone = nn::load_llama<float, Cpu>(folder / "model");
  const auto sizes = backbone->config().sizes();
  const auto save = [&](const std::string& name, float threshold) {
    const adapter::Residue<gate::JumpRelu> residue{.gate = {.threshold = threshold}};
    nn::Transformer<adapter::Residue<gate::JumpRelu>> extended(backbone, residue);
    nn::save_adapter(folder / (name + ".safetensors"), extended.parameters(), residue.describe(sizes), nn::base_of(*backbone));
  };
  save("same", gate::JumpRelu{}.threshold);
  save("other", 0.25f);
  CHECK_NOTHROW(train::load_model(folder / "model", folder / "same.safetensors", small::registry()));
  CHECK(scratch::says([&] { train::load_model(folder / "model", folder / "other.safetensors", small::registry()); }, "other.safetensors",
                      "jump_relu was saved with threshold = 0.25", "this program has it with threshold = 0.1"));
}

TEST_CASE("an adapter is refused by a base of the same weights with another configuration or tokenizer", "[train]") {
  const scratch::Folder folder;
  train::Model model(small::Trained::backbone(), adapter::None{});
  model.thaw();
  train::save_model(folder / "model", model, data::ByteTokenizer());
  const auto backbone = nn::load_llama<float, Cpu>(folder / "model");
  const adapter::Residue<> residue{.width = 4};
  nn::Transformer<adapter::Residue<>> extended(backbone, residue);
  const auto save = [&](const std::string& tokenizer) {
    nn::save_adapter(folder / "a.safetensors", extended.parameters(), residue.describe(backbone->config().sizes()),
                     nn::base_of(*backbone, tokenizer));
  };
  const auto load = [&] { train::load_model(folder / "model", folder / "a.safetensors", small::registry()); };
  save(train::tokenizer_sha256(data::ByteTokenizer()));
  CHECK(scratch::message(load).empty());
  const io::Json config = io::read_json(folder / "model/config.json");
  const auto with = [&](const char* key, const io::Json& value) {
    io::Json changed = config;
    changed[key] = value;
    io::write_json(folder / "model/config.json", changed);
  };
  with("rms_norm_eps", 0.1);
  CHECK(scratch::says(load, "a.safetensors: the adapter must fit the model", "norm_epsilon: made for 1e-06, the model has 0.1", "fingerprint"));
  with("rope_theta", 500.0);
  CHECK(scratch::says(load, "rope_theta: made for 10000, the model has 500"));
  with("rm3_norm_eps", 1e-5);  // what one flipped bit makes of a key says nothing, and the default was what the model has
  CHECK(scratch::message(load).empty());
  with("eos_token_id", 7);
  CHECK(scratch::message(load).empty());
  io::write_json(folder / "model/config.json", config);
  save(io::sha256_hex("a tokenizer.model"));
  CHECK(scratch::says(load, "SHA-256 of the tokenizer: made for "));
}
