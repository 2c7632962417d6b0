// Loading a model and its adapter: errors that only the loading program can notice.
#include "neutra/train/load.hpp"
#include "neutra/study/pretraining.hpp"

#include "tests/io/scratch.hpp"
#include "tests/train/small.hpp"

#include <limits>

using namespace neutra;

TEST_CASE("an adapter is loaded with the options that its gate was saved with", "[train]") {
  const scratch::Folder folder;
  train::Model model(small::Trained::backbone(), adapter::None{});
  model.thaw();
  study::save_model(folder / "model", model, data::ByteTokenizer());
  const auto backbone = nn::load_model<float, Cpu>(folder / "model");
  const auto sizes = backbone->config().sizes();
  const auto save = [&](const std::string& name, float threshold) {
    const adapter::Residue<gate::JumpRelu> residue{.gate = {.threshold = threshold}};
    nn::Transformer<adapter::Residue<gate::JumpRelu>> extended(backbone, residue);
    nn::save_adapter(folder / (name + ".safetensors"), extended.parameters(), residue.describe(sizes),
                     nn::base_of(*backbone));
  };
  save("same", gate::JumpRelu{}.threshold);
  save("other", 0.25f);
  const auto load = [&](const std::string& name) {
    return train::load_model(folder / "model", folder / (name + ".safetensors"), small::registry());
  };
  const std::vector<std::int32_t> tokens = {1, 2, 3};
  const auto logits = [&](train::Model& of) {
    for (auto* parameter : of.parameters())
      for (Index i = 0; i < parameter->value.size(); ++i)
        parameter->value.data()[i] = 0.05f * static_cast<float>(i % 7);
    Tape<float, Cpu> tape;
    tape.start(false);
    const auto value = of.next_logits(tape, tokens).value();
    return std::vector<float>(value.data, value.data + value.shape.size());
  };
  const auto same = load("same"), other = load("other");
  CHECK(logits(*same.model) != logits(*other.model));  // equal weights, another threshold

  io::Json json = io::read_json(folder / "other.json");
  json["settings"].erase("gate.threshold");
  io::write_json(folder / "other.json", json);
  CHECK(scratch::says([&] { load("other"); }, "other.safetensors: was saved without gate.threshold",
                      "but here it has gate.threshold = 0.1"));
  json["settings"]["gate"] = "unheard_of";
  io::write_json(folder / "other.json", json);
  CHECK(scratch::says([&] { load("other"); }, "other.safetensors: gate: there is no gate called 'unheard_of'"));
}

namespace {

/// A saved model, and beside it an adapter of two tensors whose JSON can claim anything.
struct Claims {
  scratch::Folder folder;
  std::string path;

  Claims() : path((folder / "a.safetensors").string()) {
    train::Model model(small::Trained::backbone(), adapter::None{});
    study::save_model(folder / "model", model, data::ByteTokenizer());
  }
  auto with(const std::string& tensors, std::size_t bytes, const io::Json& changes) const {
    io::Json json = {{"schema", "neutra.adapter/2"},
                     {"method", "residue"},
                     {"gate", "relu"},
                     {"body", std::string(body::GatedUnit::name)},
                     {"penalty", "l1"},
                     {"init", std::string(init::LowVariance::name)},
                     {"placement", "parallel"},
                     {"sites", nullptr},
                     {"scale", 1.0},
                     {"width", nullptr},
                     {"rank", nullptr},
                     {"weights", 5},
                     {"gate_options", io::Json::object()},
                     {"fingerprint", std::string(64, '0')},
                     {"tokenizer", nullptr},
                     {"model",
                      {{"vocabulary", 259},
                       {"dim", 16},
                       {"ffn", 24},
                       {"layers", 2},
                       {"heads", 2},
                       {"kv_heads", 1},
                       {"head_width", 8},
                       {"context", 12},
                       {"norm_epsilon", 1e-5},
                       {"rope_theta", 10000.0},
                       {"tied", false},
                       {"bos", 256}}}};
    json.update(changes);
    scratch::put(path, scratch::safetensors(tensors, std::string(bytes, '\0')));
    scratch::put(folder / "a.json", json.dump());
    return [this] { train::load_model(folder / "model", path, small::registry()); };
  }
};

}  // namespace

TEST_CASE("an adapter that claims more than its file holds is refused before memory is taken", "[train]") {
  const Claims claims;
  const std::string empty = R"({"w":{"dtype":"F32","shape":[1000000,0],"data_offsets":[0,0]}})";
  const std::string column = R"({"w":{"dtype":"F32","shape":[4096,1],"data_offsets":[0,16384]}})";
  const io::Json lora = {{"method", "lora"},   {"sites", "q,v"},  {"gate", nullptr},     {"body", nullptr},
                         {"penalty", nullptr}, {"init", nullptr}, {"placement", nullptr}};
  CHECK(scratch::says(claims.with(empty, 0, {{"width", 1000000}}), "the file has only 0"));
  CHECK(scratch::says(claims.with(column, 16384, {{"width", 4096}}),
                      "the adapter has 393248 weights in this model (dim 16, 2 layers)", "the file has only 4096",
                      "copy JSON and weights from the same save"));
  io::Json ranked = lora;
  ranked["rank"] = 1000000;
  CHECK(scratch::says(claims.with(empty, 0, ranked), "the file has only 0"));
  ranked["rank"] = 4096;
  CHECK(scratch::says(claims.with(column, 16384, ranked), "the adapter has 458752 weights in this model",
                      "the file has only 4096"));
}

TEST_CASE("a missing tokenizer is reported before the weights are read", "[train]") {
  const scratch::Folder folder;
  train::Model model(small::Trained::backbone(), adapter::None{});
  study::save_model(folder.path(), model, data::ByteTokenizer());
  io::Json config = io::read_json(folder / "config.json");
  config.erase("neutra_tokenizer");
  io::write_json(folder / "config.json", config);
  std::filesystem::remove(folder / "tokenizer.json");
  std::string bytes = scratch::get(folder / "model.safetensors");
  const float infinity = std::numeric_limits<float>::infinity();
  // The error that reading the weights would give.
  bytes.replace(bytes.size() - 4, 4, reinterpret_cast<const char*>(&infinity), 4);
  scratch::put(folder / "model.safetensors", bytes);
  const auto load = [&](const io::Path& adapter = {}) {
    return [&, adapter] { train::load_model(folder.path(), adapter, small::registry()); };
  };
  CHECK(scratch::says(load(), "must hold a tokenizer.model (SentencePiece), a tokenizer.json or a vocab.json, got none",
                      "take a model that has one"));
  scratch::put(folder / "tokenizer.json", "{}");
  CHECK(scratch::says(load(), "tokenizer.json: model is missing"));
  std::filesystem::create_symlink("../blobs/x", folder / "tokenizer.model");
  CHECK(scratch::says(load(), "tokenizer.model: must be a file or folder: it is a link to ../blobs/x"));
  CHECK(scratch::says([&] { train::tokenizer_of("meta-llama/Llama-3.2-1B"); },
                      "huggingface-cli download meta-llama/Llama-3.2-1B"));

  std::filesystem::create_directories(folder / "mlx");
  scratch::put(folder / "mlx" / "adapter_config.json", "{}");
  scratch::put(folder / "mlx" / "adapters.safetensors", "");
  for (const char* name : {"mlx", "mlx/adapters.safetensors"})
    CHECK(scratch::says(load(folder / name), "must be an adapter written by neutra or a LoRA folder of PEFT",
                        "got one of mlx-lm", "mlx_lm.fuse"));
  std::filesystem::create_directories(folder / "ours");
  scratch::put(folder / "ours" / "adapter.safetensors", "");
  CHECK(scratch::says(load(folder / "ours"), "got a folder; name adapter.safetensors in it"));
}

TEST_CASE("an adapter is refused by a base of the same weights with another configuration or tokenizer", "[train]") {
  const scratch::Folder folder;
  train::Model model(small::Trained::backbone(), adapter::None{});
  model.thaw();
  study::save_model(folder / "model", model, data::ByteTokenizer());
  const auto backbone = nn::load_model<float, Cpu>(folder / "model");
  const adapter::Residue<> residue{.width = 4};
  nn::Transformer<adapter::Residue<>> extended(backbone, residue);
  const auto save = [&](const std::string& tokenizer) {
    nn::save_adapter(folder / "a.safetensors", extended.parameters(), residue.describe(backbone->config().sizes()),
                     nn::base_of(*backbone, tokenizer));
  };
  const auto load = [&] { train::load_model(folder / "model", folder / "a.safetensors", small::registry()); };
  save(train::tokenizer_sha256(data::ByteTokenizer()));
  CHECK(message(load).empty());
  const io::Json config = io::read_json(folder / "model/config.json");
  const auto with = [&](const char* key, const io::Json& value) {
    io::Json changed = config;
    changed[key] = value;
    io::write_json(folder / "model/config.json", changed);
  };
  with("rms_norm_eps", 0.1);
  CHECK(scratch::says(load, "a.safetensors: the adapter must fit the model",
                      "norm_epsilon: made for 1e-06, the model has 0.1", "fingerprint"));
  with("rope_theta", 500.0);
  CHECK(scratch::says(load, "rope_theta: made for 10000, the model has 500"));
  // A flipped bit may turn the key into an unknown one, and then the default applies, which the model had.
  with("rm3_norm_eps", 1e-5);
  CHECK(message(load).empty());
  with("eos_token_id", 7);
  CHECK(message(load).empty());
  io::write_json(folder / "model/config.json", config);
  save(io::sha256_hex("a tokenizer.model"));
  CHECK(scratch::says(load, "SHA-256 of the tokenizer: made for "));
}

TEST_CASE("a GPT-2 folder is loaded as any other, with an adapter made for it", "[train]") {
  const scratch::Folder folder;
  const nn::Config config{
      .family = "gpt2", .vocabulary = 259, .dim = 16, .ffn = 24, .layers = 1, .heads = 2, .context = 16, .tied = true};
  nn::save_model(folder / "model", *nn::Backbone<float, Cpu>::random(config, 1), {{"neutra_tokenizer", "byte"}});
  const auto backbone = nn::load_model<float, Cpu>(folder / "model");
  const adapter::Lora lora{.rank = 2};
  nn::Transformer<adapter::Lora> extended(backbone, lora);
  nn::save_adapter(folder / "a.safetensors", extended.parameters(), lora.describe(backbone->config().sizes()),
                   nn::base_of(*backbone));
  const auto loaded = train::load_model(folder / "model", folder / "a.safetensors", small::registry());
  CHECK(loaded.model->config() == backbone->config());
  CHECK(loaded.model->parameters().size() == 2 * 6);
}
