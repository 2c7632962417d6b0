// Llama folders: saved models are loaded bit for bit, and unsupported settings are rejected by name.
#include "neutra/nn/model_folder.hpp"

#include "neutra/adapter/none.hpp"
#include "neutra/nn/fingerprint.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"
#include "tests/nn/models.hpp"

#include <algorithm>
#include <limits>

using namespace neutra;
using scratch::says;

namespace {

const auto load_folder = [](const scratch::Folder& folder) { return nn::load_model<float, Cpu>(folder.path()); };

/// A saved tiny model whose config.json can be changed for one load_folder.
struct Saved {
  scratch::Folder folder;
  io::Json json;

  explicit Saved(bool tied = false) {
    nn::save_model(folder.path(), *models::random(models::tiny(tied)));
    json = io::read_json(folder / "config.json");
  }
  /// Loads with `changes` merged into config.json (null stays null) and the key `without` removed.
  auto with(const io::Json& changes, const std::string& without = "") const {
    return [=, this] {
      io::Json changed = json;
      changed.update(changes);
      if (!without.empty()) changed.erase(without);
      io::write_json(folder / "config.json", changed);
      return load_folder(folder);
    };
  }
};

/// The tensors of a folder, which can be changed and saved again.
struct Tensors {
  std::map<std::string, Tensor<float>> all;

  explicit Tensors(const scratch::Folder& folder) {
    const auto file = io::Safetensors::open(folder / "model.safetensors");
    for (const auto& entry : file.entries()) all[entry.name] = file.read<float>(entry.name);
  }
  void write(const scratch::Folder& folder) const {
    std::vector<io::NamedView<float>> views;
    for (const auto& [name, tensor] : all) views.push_back({name, tensor.view()});
    io::write_safetensors<float>(folder / "model.safetensors", views);
  }
};

}  // namespace

TEST_CASE(
    "config: sizes of 2^31 and models of more than 2^40 weights are rejected, even if products of sizes overflow") {
  const auto complete = [](Index dim, Index layers, Index ffn = 64) {
    return message([&] {
      nn::Config{.vocabulary = 300, .dim = dim, .ffn = ffn, .layers = layers, .heads = 1, .context = 8}.complete();
    });
  };
  CHECK(complete(64, 4).empty());
  CHECK(complete(Index{1} << 31, 1).find("dim must be positive and below 2^31, got 2147483648") != std::string::npos);
  CHECK(complete(64, Index{1} << 31).find("layers must be positive and below 2^31, got 2147483648") !=
        std::string::npos);
  constexpr Index most = (Index{1} << 31) - 2;
  for (const auto& told : {complete(most, 1), complete(64, most), complete(most, most, most)})
    CHECK(told.find("at most 2^40 weights, got about ") != std::string::npos);
}

TEMPLATE_TEST_CASE("llama: a saved model is loaded bit for bit", "", float, double) {
  using S = TestType;
  for (const bool tied : {false, true}) {
    const scratch::Folder folder;
    const auto model = models::random<S>(models::tiny(tied));
    nn::save_model(folder / "deep/er", *model);
    CHECK(models::same(*nn::load_model<S, Cpu>(folder / "deep/er"), *model));
    const auto source = io::WeightSource::open(folder / "deep/er");
    CHECK(source.contains("lm_head.weight") == !tied);
    CHECK(source.entry("model.norm.weight").dtype == io::dtype_of<S>());
    CHECK(source.files()[0].metadata() == io::Metadata{{"format", "pt"}});
  }
}

TEST_CASE("llama: config.json has the keys of transformers") {
  const Saved saved;
  CHECK(
      saved.json ==
      io::parse(
          R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "float32", "vocab_size": 11,
      "hidden_size": 12, "intermediate_size": 10, "num_hidden_layers": 2, "num_attention_heads": 4,
      "num_key_value_heads": 2, "head_dim": 4, "max_position_embeddings": 16, "rms_norm_eps": 2e-5,
      "hidden_act": "silu", "rope_theta": 5000.0, "rope_scaling": null,
      "tie_word_embeddings": false, "attention_bias": false, "mlp_bias": false, "bos_token_id": 1, "eos_token_id": 2})",
          "expected"));
  nn::Config config = models::tiny(true);
  config.bos = -1;
  config.eos.clear();
  const auto json = nn::config_json(config, "float64");
  CHECK((json["bos_token_id"].is_null() && json["eos_token_id"].is_null()));
  CHECK(json["torch_dtype"] == "float64");
  config.eos = {2, 7};
  CHECK(nn::config_json(config, "float32")["eos_token_id"] == io::Json{2, 7});
  config.eos.clear();
  CHECK(nn::read_config(json, "x") == config);
}

TEST_CASE("llama: absent keys have the defaults of the family") {
  nn::Config config = models::tiny();
  config.heads = config.kv_heads = 3;
  config.head_width = 4;
  config.norm_epsilon = 1e-6;
  config.numbers["rope_theta"] = 10000.0;
  config.context = 2048;
  config.bos = -1;
  config.eos.clear();
  const io::Json json = io::parse(
      R"({"model_type": "llama", "vocab_size": 11, "hidden_size": 12, "intermediate_size": 10, "num_hidden_layers": 2,
      "num_attention_heads": 3})",
      "test");
  CHECK(nn::read_config(json, "config.json") == config);
  for (const char* key :
       {"model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"}) {
    io::Json lacking = json;
    lacking.erase(key);
    CHECK(says([&] { nn::read_config(lacking, "config.json"); }, concat("config.json: ", key, " is missing")));
  }
}

TEST_CASE("llama: a thawed model saves its own weights, another those of its backbone") {
  const scratch::Folder folder;
  const auto backbone = models::random(models::tiny(true));
  nn::Transformer<> model(backbone);
  nn::save_model(folder.path(), model);
  CHECK(models::same(*load_folder(folder), *backbone));
  model.thaw();
  CHECK(model.thawed_weights().size() == backbone->weights().size());
  for (auto* parameter : model.parameters()) parameter->value.data()[0] += 1;
  nn::save_model(folder.path(), model);
  const auto again = load_folder(folder);
  CHECK(again->config() == backbone->config());
  for (std::size_t i = 0; i < again->weights().size(); ++i) {
    CHECK(again->weights()[i].name == backbone->weights()[i].name);
    CHECK(models::same_bits<float>(again->weights()[i].copy(), model.thawed_weights()[i]->value));
    CHECK(again->weights()[i].copy().data()[0] == backbone->weights()[i].copy().data()[0] + 1);
  }
}

TEST_CASE("llama: a packed model has the same fingerprint, and is saved and thawed bit for bit") {
  const scratch::Folder folder;
  const auto twin = nn::Backbone<float, Cpu>::random(models::tiny(), 7, {nn::Purpose::finetuning});
  const auto backbone = models::random();
  const std::string before = nn::fingerprint(*twin);
  nn::Transformer<> model(backbone);
  const auto here = [&] {
    return std::count_if(backbone->weights().begin(), backbone->weights().end(),
                         [](const auto& weight) { return weight.rows() != nullptr; });
  };
  const auto kept = here();
  CHECK(kept == 2 * 2 + 3);  // norms, the embedding, and the head, whose rows a loss reads
  CHECK(nn::fingerprint(*backbone) == before);
  nn::save_model(folder.path(), model);
  CHECK(models::same(*load_folder(folder), *twin));
  model.thaw();
  CHECK(here() == kept);
  for (std::size_t i = 0; i < twin->weights().size(); ++i)
    CHECK(models::same_bits<float>(model.thawed_weights()[i]->value, twin->weights()[i].copy()));
}

TEST_CASE("llama: extra keys are added to config.json, those of the model cannot be replaced") {
  const scratch::Folder folder;
  const auto model = models::random();
  nn::save_model(folder.path(), *model, {{"neutra_tokenizer", "byte"}});
  CHECK(io::read_json(folder / "config.json")["neutra_tokenizer"] == "byte");
  CHECK(models::same(*load_folder(folder), *model));
  CHECK(says(
      [&] {
        nn::save_model(folder.path(), *model, {{"vocab_size", 3}});
      },
      folder.path().string(), "extra key vocab_size", "choose another name"));
  CHECK(says([&] { nn::save_model(folder.path(), *model, io::Json(3)); }, "extra keys", "an object"));
}

TEST_CASE("llama: a failed save leaves the old model") {
  const scratch::Folder folder;
  const auto model = models::random();
  nn::save_model(folder.path(), *model);
  nn::Transformer<> broken(models::random(models::tiny(), 8));
  broken.thaw();
  broken.parameters()[3]->value.data()[2] = std::numeric_limits<float>::quiet_NaN();
  CHECK(says([&] { nn::save_model(folder.path(), broken); }, "model.layers.0.self_attn.v_proj.weight", "finite",
             "index 2"));
  CHECK(models::same(*load_folder(folder), *model));
  CHECK(folder.count() == 2);
  scratch::put(folder / "file", "x");
  CHECK(says([&] { nn::save_model(folder / "file", *model); },
             "file: cannot be created, because it exists and is a file"));
  CHECK_THROWS_AS(nn::save_model(folder / "file/below", *model), io::WriteError);
}

TEST_CASE("llama: unsupported settings are rejected by name") {
  const Saved saved;
  CHECK(models::same(*saved.with(io::Json::object())(), *models::random()));
  const std::string name = (saved.folder / "config.json").string() + ": ";
  CHECK(says(saved.with({{"model_type", "bloom"}}), name, "model_type must be one of \"llama\", \"gpt2\", ",
             "got \"bloom\""));
  CHECK(says(saved.with({{"architectures", {"LlamaForSequenceClassification"}}}), name, "architectures",
             "LlamaForSequenceClassification"));
  CHECK(says(saved.with({{"architectures", "LlamaForCausalLM"}}), name, "architectures must be an array"));
  CHECK(says(saved.with({{"hidden_act", "mish"}}), name, "hidden_act must be one of gelu, ", "got \"mish\""));
  CHECK(says(saved.with({{"attention_bias", true}}), "missing: ", "self_attn.q_proj.bias"));
  CHECK(says(saved.with({{"mlp_bias", true}}), "missing: ", "mlp.gate_proj.bias"));
  CHECK(says(saved.with({{"mlp_bias", 1}}), name, "mlp_bias must be true or false, got 1"));
  CHECK(
      says(saved.with({{"quantization_config", {{"quant_method", "gptq"}}}}), name, "quantization_config", "\"gptq\""));
  CHECK(says(saved.with({{"model_type", "gemma3"}, {"text_config", {{"model_type", "gemma3_text"}}}}), name,
             "must be that of a language model alone, got \"gemma3\", which holds one as its text_config "
             "(\"gemma3_text\"); save that part as a folder of its own"));
  CHECK(says(saved.with({{"text_config", 7}}), name, "got \"llama\", which holds one as its text_config (nothing)"));
  CHECK(message(saved.with({{"text_config", nullptr}})).empty());
  CHECK(says(saved.with({{"quantization_config", io::Json::object()}}), name, "quantization_config", "\"unnamed\""));
  CHECK(says(saved.with({{"quantization", {{"group_size", 64}, {"bits", 4}}},
                         {"quantization_config", {{"group_size", 64}, {"bits", 4}}}}),
             name, "MLX weights of 4 bits", "--dequantize"));
  CHECK(message(saved.with({{"hidden_act", "swish"}, {"quantization_config", nullptr}, {"architectures", nullptr}}))
            .empty());
}

TEST_CASE("llama: RoPE in both forms") {
  const Saved saved;
  const auto theta = [&](const io::Json& changes, const char* without = "") {
    return saved.with(changes, without)()->config().numbers.at("rope_theta");
  };
  const io::Json plain = {{"rope_theta", 700.0}, {"rope_type", "default"}};
  CHECK(theta({{"rope_parameters", plain}}, "rope_theta") == 700);
  CHECK(theta({{"rope_parameters", {{"rope_type", "default"}}}}) == 5000);
  CHECK(theta({{"rope_parameters", {{"rope_theta", 5000}}}}) == 5000);
  CHECK(theta(io::Json::object(), "rope_theta") == 10000);
  CHECK(theta({{"rope_scaling", {{"type", "default"}}}}) == 5000);
  CHECK(says(saved.with({{"rope_parameters", plain}}),
             "rope_theta (5000) and rope_parameters.rope_theta (700) must agree"));
  for (const char* kind : {"longrope", "su", "NTK"}) {
    const std::string got = concat("got \"", kind, "\"; other kinds of RoPE scaling are not supported");
    CHECK(says(saved.with({{"rope_scaling", {{"rope_type", kind}, {"factor", 2.0}}}}), "rope_scaling.rope_type", got));
    CHECK(says(saved.with({{"rope_scaling", {{"type", kind}, {"factor", 2.0}}}}), "rope_scaling.type", got));
    CHECK(says(saved.with({{"rope_parameters", {{"rope_type", kind}}}}), "rope_parameters.rope_type", got));
  }
  CHECK(says(saved.with({{"rope_scaling", {{"rope_type", "default"}, {"type", "linear"}}}}), "rope_scaling.type",
             "linear"));
  CHECK(says(saved.with({{"rope_scaling", {{"factor", 2.0}}}}), "rope_scaling.rope_type is missing"));
  CHECK(says(saved.with({{"rope_scaling", 2}}), "rope_scaling must be an object"));
  CHECK(says(saved.with({{"partial_rotary_factor", 0.5}}), "partial_rotary_factor must be 1, got 0.5"));
  CHECK(says(saved.with({{"rope_parameters", {{"partial_rotary_factor", 0.25}}}}),
             "partial_rotary_factor must be 1, got 0.25"));
  CHECK(says(saved.with({{"rope_theta", 0}}), "rope_theta must be positive, got 0"));
  CHECK(says(saved.with({{"rope_theta", "10000"}}), "rope_theta must be a number"));
}

TEST_CASE("llama: invalid sizes are rejected with their key") {
  const Saved saved;
  for (const char* key : {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
                          "num_key_value_heads", "head_dim", "max_position_embeddings"}) {
    for (const io::Json& value : {io::Json(0), io::Json(-4), io::Json(2.5), io::Json("12"),
                                  io::Json(std::uint64_t{1} << 40), io::Json(io::Json::value_t::array)})
      CHECK(says(saved.with({{key, value}}), (saved.folder / "config.json").string(),
                 concat(key, " must be an integer in 1 .. "), "got ", value.dump()));
  }
  CHECK(says(saved.with({{"num_key_value_heads", 3}}),
             "num_attention_heads must be a multiple of num_key_value_heads, got 4 and 3"));
  CHECK(says(saved.with({{"num_attention_heads", 5}, {"num_key_value_heads", 5}}, "head_dim"),
             "hidden_size must be a multiple of num_attention_heads"));
  CHECK(says(saved.with(io::Json::object(), "head_dim"), "head size", "must be even", "got 3"));
  CHECK(says(saved.with({{"head_dim", 5}}), "must be even", "got 5"));
  CHECK(says(saved.with({{"rms_norm_eps", 0}}), "rms_norm_eps must be positive, got 0"));
  CHECK(says(saved.with({{"rms_norm_eps", "small"}}), "rms_norm_eps must be a number"));
  CHECK(says(saved.with({{"tie_word_embeddings", "no"}}), "tie_word_embeddings must be true or false"));
}

TEST_CASE("llama: token ids") {
  const Saved saved;
  CHECK(saved.with({{"eos_token_id", {5, 7}}})()->config().eos == std::vector<Index>{5, 7});
  CHECK(saved.with({{"eos_token_id", 5}})()->config().eos == std::vector<Index>{5});
  CHECK(saved.with({{"eos_token_id", io::Json::array()}})()->config().eos.empty());
  CHECK(saved.with({{"eos_token_id", nullptr}})()->config().eos.empty());
  CHECK(saved.with({{"bos_token_id", nullptr}})()->config().bos == -1);
  CHECK(says(saved.with({{"bos_token_id", 11}}), "bos_token_id must be an integer in 0 .. 10, got 11"));
  CHECK(says(saved.with({{"eos_token_id", {3, -1}}}), "eos_token_id must be an array of integers in 0 .. 10, got -1"));
}

TEST_CASE("llama: end-of-text tokens are read from both files") {
  const Saved saved;
  const auto ends = [&](const io::Json& changes) { return nn::ends_of_text(*saved.with(changes)()); };
  CHECK(ends({{"eos_token_id", {5, 7}}}) == std::set<Index>{5, 7});
  io::write_json(saved.folder / "generation_config.json", {{"eos_token_id", {2, 9}}, {"temperature", 0.6}});
  CHECK(ends({{"eos_token_id", {5, 2}}}) == std::set<Index>{2, 5, 9});
  io::write_json(saved.folder / "generation_config.json", {{"eos_token_id", 10}});
  CHECK(ends({{"eos_token_id", nullptr}}) == std::set<Index>{10});
  io::write_json(saved.folder / "generation_config.json", {{"eos_token_id", nullptr}});
  CHECK(ends({{"eos_token_id", nullptr}}).empty());
  io::write_json(saved.folder / "generation_config.json", {{"eos_token_id", 11}});
  const std::string path = (saved.folder / "generation_config.json").string();
  CHECK(says(saved.with(io::Json::object()), path, ": eos_token_id must be an integer in 0 .. 10, got 11"));
  scratch::put(path, "{\n\"eos_token_id\" 2}");
  std::string weights = scratch::get(saved.folder / "model.safetensors");
  scratch::put(saved.folder / "model.safetensors",
               weights.replace(weights.size() - 4, 4, "\xff\xff\xff\xff"));  // NaN; the Error comes before it
  CHECK(says(saved.with(io::Json::object()), path, "must be JSON, got an error at line 2", "restore an intact copy"));
}

TEST_CASE("llama: a saved model keeps the keys and files that this library does not write") {
  const Saved saved;
  const scratch::Folder again;
  const io::Json others = {{"dtype", "bfloat16"},
                           {"torch_dtype", "bfloat16"},
                           {"rope_scaling", nullptr},
                           {"pad_token_id", 3},
                           {"my_key", {{"a", {1, 2}}}},
                           {"transformers_version", "4.40"},
                           {"quantization_config", nullptr},
                           {"eos_token_id", {2, 9}},
                           {"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 5000.0}}}};
  const std::map<std::string, std::string> files = {
      {"generation_config.json", "{\"eos_token_id\": [2, 8],\n \"top_p\": 0.9}"},
      {"tokenizer_config.json", "{}"},
      {"special_tokens_map.json", "{ }"},
      {"added_tokens.json", "{\"x\": 10}"},
      {"tokenizer.json", "{\"version\": \"1.0\"}"},
      {"chat_template.jinja", "{{ bos }}\n"}};
  for (const auto& [name, text] : files) scratch::put(saved.folder / name, text);
  scratch::put(saved.folder / "README.md", "not of the model");
  const auto backbone = saved.with(others, "mlp_bias")();
  io::Json expected = saved.json;
  expected.update(others);
  for (const char* key : {"torch_dtype", "dtype"}) expected[key] = "float32";
  nn::Transformer<> model(backbone);
  for (const bool thaw : {false, true}) {
    if (thaw) model.thaw();
    nn::save_model(again.path(), model, {{"neutra_tokenizer", "byte"}});
    expected["neutra_tokenizer"] = "byte";
    CHECK(io::read_json(again / "config.json") == expected);
    for (const auto& [name, text] : files) CHECK(scratch::get(again / name) == text);
    CHECK(again.count() == static_cast<int>(files.size()) + 2);
    const auto loaded = load_folder(again);
    CHECK(models::same(*loaded, *backbone));
    CHECK(nn::ends_of_text(*loaded) == std::set<Index>{2, 8, 9});
    const scratch::Folder third;  // a saved model can be saved again
    nn::save_model(third.path(), *loaded, {{"neutra_tokenizer", "byte"}});
    CHECK(io::read_json(third / "config.json") == expected);
  }
}

TEST_CASE("llama: a configuration larger than its files is rejected quickly") {
  const Saved saved;
  CHECK(says(saved.with({{"num_hidden_layers", 65536}}),
             "missing: model.layers.2.input_layernorm.weight, model.layers.2.self_attn.q_proj.weight",
             " and 589786 more"));
  CHECK(
      says(saved.with({{"vocab_size", 2000000000}}), "model.embed_tokens.weight must be (2000000000,12), got (11,12)"));
  CHECK(says(saved.with({{"hidden_size", 1048576}, {"head_dim", 4}}), "must be (1048576), got (12)"));
  CHECK(saved.with({{"max_position_embeddings", 1 << 24}})()->config().context == 1 << 24);
  CHECK(says(saved.with({{"num_hidden_layers", 1}}), "not of a llama: model.layers.1.input_layernorm.weight"));
  Tensors tensors(saved.folder);
  for (const char* name : {"model.layers.00.input_layernorm.weight", "model.layers.-1.input_layernorm.weight",
                           "model.layers.", "model.layers.x.y"})
    tensors.all[name] = Tensor<float>({12});
  tensors.write(saved.folder);
  CHECK(says(
      [&] { load_folder(saved.folder); },
      "not of a llama: model.layers., model.layers.-1.input_layernorm.weight, model.layers.00.input_layernorm.weight"));
  CHECK_FALSE(says([&] { load_folder(saved.folder); }, "missing"));
}

TEST_CASE("llama: tensors that do not match are listed in one message") {
  const Saved saved;
  Tensors tensors(saved.folder);
  tensors.all.erase("model.norm.weight");
  tensors.all.erase("model.layers.1.mlp.up_proj.weight");
  tensors.all["model.layers.0.mlp.down_proj.weight"] = Tensor<float>({10, 12});
  tensors.all["model.layers.1.input_layernorm.weight"] = Tensor<float>({13});
  tensors.all["model.layers.0.self_attn.q_proj.bias"] = Tensor<float>({16});
  tensors.all["model.layers.2.self_attn.q_proj.weight"] = Tensor<float>({16, 12});
  tensors.write(saved.folder);
  CHECK(says([&] { load_folder(saved.folder); }, saved.folder.path().string() + ": the weights must match config.json",
             "; missing: model.layers.1.mlp.up_proj.weight, model.norm.weight;",
             "; of the wrong shape: model.layers.0.mlp.down_proj.weight must be (12,10), got (10,12) (transposed: "
             "weights are stored as (out, in)), "
             "model.layers.1.input_layernorm.weight must be (12), got (13);",
             "; not of a llama: model.layers.0.self_attn.q_proj.bias, model.layers.2.self_attn.q_proj.weight"));
  CHECK_FALSE(says([&] { load_folder(saved.folder); }, "tie_word_embeddings"));

  Tensors many(saved.folder);
  for (int i = 0; i < 150; ++i) many.all[concat("x", 100 + i)] = Tensor<float>({1});
  many.write(saved.folder);
  CHECK(says([&] { load_folder(saved.folder); }, "x100, x101", " and 132 more"));
}

TEST_CASE("llama: heads, tied and not") {
  const Saved untied;
  Tensors tensors(untied.folder);
  tensors.all.erase("lm_head.weight");
  tensors.write(untied.folder);
  CHECK(says([&] { load_folder(untied.folder); }, "missing: lm_head.weight", "\"tie_word_embeddings\": true"));
  CHECK(untied.with({{"tie_word_embeddings", true}})()->config().tied);

  const Saved tied(true);
  Tensors more(tied.folder);
  more.all["lm_head.weight"] = Tensor<float>({11, 12});  // other values: transformers uses the embedding
  more.all["model.layers.0.self_attn.rotary_emb.inv_freq"] = Tensor<float>({2});
  more.write(tied.folder);
  CHECK(models::same(*load_folder(tied.folder), *models::random(models::tiny(true))));
}

TEST_CASE("llama: weights that are not finite are named") {
  const Saved saved;
  std::string bytes = scratch::get(saved.folder / "model.safetensors");
  const auto file = io::Safetensors::open(saved.folder / "model.safetensors");
  const auto& entry = file.entry("model.layers.1.mlp.gate_proj.weight");
  const auto data = bytes.size() - static_cast<std::size_t>(file.entries().back().end);
  const float infinity = std::numeric_limits<float>::infinity();
  std::memcpy(bytes.data() + data + entry.begin + 5 * 4, &infinity, 4);
  scratch::put(saved.folder / "model.safetensors", bytes);
  CHECK(says([&] { load_folder(saved.folder); }, "model.safetensors", "model.layers.1.mlp.gate_proj.weight", "finite",
             "index 5"));
}

TEST_CASE("llama: bfloat16 folders are read, integers are not") {
  const Saved saved;
  const auto file = io::Safetensors::open(saved.folder / "model.safetensors");
  std::vector<std::vector<bf16>> values;
  std::vector<io::NamedView<bf16>> views;
  for (const auto& entry : file.entries()) {
    const auto tensor = file.read<float>(entry.name);
    auto& rounded = values.emplace_back();
    for (Index i = 0; i < tensor.size(); ++i) rounded.emplace_back(tensor.data()[i]);
    views.push_back({entry.name, {rounded.data(), entry.shape}});
  }
  io::write_safetensors<bf16>(saved.folder / "model.safetensors", views);
  const auto model = load_folder(saved.folder), original = models::random();
  for (std::size_t i = 0; i < model->weights().size(); ++i) {
    const auto got = model->weights()[i].copy(), wanted = original->weights()[i].copy();
    for (Index k = 0; k < got.size(); ++k) CHECK(got.data()[k] == static_cast<float>(bf16(wanted.data()[k])));
  }

  std::vector<io::NamedView<std::int32_t>> integers;
  std::vector<std::vector<std::int32_t>> zeros;
  for (const auto& [name, view] : views) {
    zeros.emplace_back(static_cast<std::size_t>(view.size()));
    integers.push_back({name, {zeros.back().data(), view.shape}});
  }
  io::write_safetensors<std::int32_t>(saved.folder / "model.safetensors", integers);
  CHECK(says([&] { load_folder(saved.folder); }, "I32", "quantised"));
}

TEST_CASE("llama: folders without a model") {
  const scratch::Folder folder;
  CHECK(says([&] { load_folder(folder); }, folder.path().string(), "neither"));
  CHECK(says([&] { nn::load_model<float, Cpu>(folder / "none"); }, "no such file or folder"));
  const Saved saved;
  std::filesystem::remove(saved.folder / "config.json");
  CHECK(says([&] { load_folder(saved.folder); }, "config.json", "cannot be opened"));
  for (const char* text : {"", "[]", "{", "PK\x03\x04"}) {
    scratch::put(saved.folder / "config.json", text);
    CHECK(says([&] { load_folder(saved.folder); }, "config.json", "JSON"));
  }
}
