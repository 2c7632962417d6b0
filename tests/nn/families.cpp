// Families beside llama and gpt2 against transformers (tests/golden/make_families.py): logits, gradients of a residue,
// saving; settings in fingerprints and adapter files; unsupported settings are rejected by name.
#include "neutra/adapter/residue.hpp"
#include "neutra/body/bottleneck.hpp"
#include "neutra/gate/open.hpp"
#include "neutra/nn/adapter_file.hpp"
#include "neutra/nn/continuation.hpp"
#include "neutra/nn/copied_layers.hpp"
#include "neutra/nn/fingerprint.hpp"
#include "neutra/nn/model_folder.hpp"
#include "neutra/testing/model_gradient.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"
#include "tests/nn/golden_family.hpp"
#include "tests/nn/models.hpp"

#include <omp.h>
#include <cstdlib>

using namespace neutra;
using scratch::says;
using namespace golden_family;

namespace {

using OpenResidue = adapter::Residue<gate::Open, body::Bottleneck, penalty::None>;

}  // namespace

TEMPLATE_TEST_CASE("families: logits equal those of transformers", "", float, double) {
  using S = TestType;
  for (const auto& name : names()) {
    CAPTURE(name);
    const Golden golden{name};
    CHECK(worst(logits<S>(golden.load<S>(), golden.tokens()), golden.tensor<S>("logits")) < 2e-4);
  }
}

TEST_CASE("families: a text read token by token gives the logits of the text read at once") {
  for (const auto& name : names()) {
    CAPTURE(name);
    const Golden golden{name};
    nn::Transformer<> model(golden.load());
    nn::Continuation continuation(model, golden.tokens()[0]);
    const std::vector<std::int32_t> all = golden.tokens(), text(all.begin() + 1, all.begin() + 12);
    const Tensor<float> right = golden.tensor<float>("logits");
    for (std::size_t length = 2; length <= text.size(); length += length < 6 ? 2 : 1) {
      const View<const float> found = continuation.next(std::span(text).first(length));
      if (golden.name == "llama_dynamic" && length != text.size()) continue;  // scaled by the length of the whole text
      for (Index i = 0; i < found.size(); ++i)
        CHECK(found.data[i] == Approx(right.view()(static_cast<Index>(length), i)).margin(2e-4));
    }
  }
}

TEST_CASE("families: gradients of a residue equal those of PyTorch") {
  int compared = 0;
  for (const auto& name : names()) {
    if (!facts().at(name).contains("loss")) continue;
    CAPTURE(name);
    const Golden golden{name};
    nn::Transformer<OpenResidue, double, Cpu> model(golden.load<double>(), {.width = 3}, 1);
    const std::map<std::string, std::string> parts = {{"down_proj", "down"}, {"up_proj", "up"}};
    const auto golden_name = [&](const std::string& ours) {  // adapter.LAYER.down_proj
      return ours.substr(8, 2) + parts.at(ours.substr(10));
    };
    for (auto* parameter : model.parameters()) {
      const auto values = golden.tensor<double>("residue." + golden_name(parameter->name));
      std::copy_n(values.data(), values.size(), parameter->value.data());
    }
    // transformers predicts all but the first token of each sequence.
    const auto tokens = golden.tokens();
    const auto length = tokens.size() / 2;
    std::vector<std::int32_t> inputs, targets;
    for (std::size_t n = 0; n < tokens.size(); ++n) {
      if (n % length + 1 < length) inputs.push_back(tokens[n]);
      if (n % length > 0) targets.push_back(tokens[n]);
    }
    Tape<double, Cpu> tape;
    tape.start();
    const auto count = static_cast<Index>(inputs.size());
    const auto loss = model.loss(tape, {2, count / 2, inputs, targets}, {count, 0}).lm;
    CHECK(loss.item() == Approx(facts().at(name).at("loss").get<double>()).epsilon(1e-6));
    tape.backward(loss);
    for (auto* parameter : model.parameters()) {
      CAPTURE(parameter->name);
      const auto right = golden.tensor<double>("gradient." + golden_name(parameter->name));
      const View<const double> found = parameter->gradient;
      CHECK(worst(std::vector<double>(found.data, found.data + found.size()), right) < 1e-4);
      ++compared;
    }
  }
  CHECK(compared >= 26);
}

TEST_CASE("families: gradients through windows, scalings and norms equal finite differences, also of thawed weights") {
  for (const auto& name : names()) {
    CAPTURE(name);
    const Golden golden{name};
    nn::Transformer<adapter::None, double, Cpu> model(golden.load<double>());
    model.thaw([](const nn::Weight& weight) { return weight.layer == 0 && weight.kind.shape.size() <= 64; });
    const auto tokens = golden.tokens();
    const auto text = std::span(tokens);
    const std::size_t half = tokens.size() / 2;
    const nn::Tokens batch{1, static_cast<Index>(half), text.first(half), text.last(half)};
    CHECK(testing::model_gradient_error(model, batch, {static_cast<Index>(half), 0}) < 1e-6);
  }
}

TEST_CASE("families: a saved model is loaded bit for bit, with every setting") {
  const char* kept = std::getenv("NEUTRA_SAVED_FAMILIES");  // where make_families.py --check finds them
  for (const auto& name : names()) {
    CAPTURE(name);
    const auto model = Golden{name}.load();
    const scratch::Folder saved;
    const io::Path at = kept ? io::Path(kept) / name : saved / "again";
    nn::save_model(at, *model);
    const auto again = nn::load_model<float, Cpu>(at);
    CHECK(again->config() == model->config());
    CHECK(models::same(*again, *model));
    CHECK(nn::fingerprint(*again) == nn::fingerprint(*model));
  }
}

TEST_CASE("families: recomputed layers and any number of threads give the same bits") {
  const int before = omp_get_max_threads();
  for (const auto& name : names()) {
    CAPTURE(name);
    const Golden golden{name};
    const auto backbone = golden.load<float>();
    const auto tokens = golden.tokens();
    const auto gradients = [&](bool recompute, int threads) {
      omp_set_num_threads(threads);
      nn::Transformer<OpenResidue, float, Cpu> model(backbone, {.width = 3}, 1);
      testing::fill_zero_parameters(model.parameters());
      model.recompute_layers = recompute;
      Tape<float, Cpu> tape;
      tape.start();
      const auto count = static_cast<Index>(tokens.size());
      tape.backward(model.loss(tape, {2, count / 2, tokens, tokens}, {count, 0}).lm);
      std::vector<float> all;
      for (auto* parameter : model.parameters())
        all.insert(all.end(), parameter->gradient.data(), parameter->gradient.data() + parameter->gradient.size());
      return all;
    };
    const auto first = gradients(false, 1);
    CHECK(gradients(true, 1) == first);
    CHECK(gradients(false, 3) == first);
  }
  omp_set_num_threads(before);
}

TEST_CASE("families: bf16 inputs give nearly the same logits") {
  for (const auto& name : names()) {
    CAPTURE(name);
    const Golden golden{name};
    CHECK(worst(logits<float>(golden.load<float>(DType::bf16), golden.tokens()), golden.tensor<float>("logits")) < 0.6);
  }
}

TEST_CASE("families: every setting changes the fingerprint and is kept in an adapter file") {
  for (const auto& name : names()) {
    CAPTURE(name);
    const auto model = Golden{name}.load();
    const std::string base = nn::fingerprint(*model);
    const auto with = [&](const nn::Config& config) {
      return nn::fingerprint(
          nn::Backbone<float, Cpu>(config, [&](const nn::Weight& made) { return model->weight(made.name).copy(); }));
    };
    for (const auto& [key, value] : model->config().numbers) {
      if (key.ends_with("_bias")) continue;  // adds weights
      CAPTURE(key);
      nn::Config changed = model->config();
      changed.numbers[key] = key == "rotated_share" ? 1 : value + 1;
      CHECK(with(changed) != base);
    }
    for (const auto& [key, digits] : model->config().by_layer) {
      CAPTURE(key);
      nn::Config changed = model->config();
      changed.by_layer[key][0] = digits[0] == '1' ? '0' : '1';
      CHECK(with(changed) != base);
    }
    const io::Json written = nn::detail::model_json(model->config());
    nn::Config read = nn::detail::read_model(io::Reader(written, "adapter"));
    read.eos = model->config().eos;
    CHECK(read == model->config());
  }
}

TEST_CASE("families: copied layers keep the windows of their originals") {
  const Golden golden{"qwen2_window"};
  const auto model = golden.load();
  const auto grown = nn::with_copied_layers(*model, {0, 1}).backbone;
  CHECK(grown->config().by_layer.at("windowed") == "0011");
  CHECK(logits<float>(grown, golden.tokens()) == logits<float>(model, golden.tokens()));
}

TEST_CASE("families: unsupported settings are rejected by name") {
  const Golden mistral{"mistral"}, qwen2{"qwen2_window"}, qwen3{"qwen3_window"}, dynamic{"llama_dynamic"};
  for (const Golden* of : {&mistral, &qwen2, &qwen3, &dynamic}) {
    CAPTURE(of->name);
    CHECK(says(of->with({{"hidden_act", "mish"}}), "hidden_act must be one of gelu, ", "got \"mish\""));
    CHECK(says(of->with({{"partial_rotary_factor", 0.5}}), "partial_rotary_factor must be 1, got 0.5"));
    CHECK(says(of->with({{"rope_scaling", {{"rope_type", "longrope"}}}}), "rope_scaling.rope_type must be one of",
               "got \"longrope\""));
    CHECK(says(of->with({{"quantization_config", {{"quant_method", "awq"}}}}), "quantization_config", "\"awq\""));
    CHECK(says(of->with({{"architectures", {"Other"}}}), "architectures must be", "Other"));
  }
  CHECK(says(mistral.with({{"sliding_window", 0}}), "sliding_window must be an integer in 1 .. ", "got 0"));
  CHECK(says(qwen2.with({{"layer_types", {"full_attention"}}}), "layer_types must name 2 layers", "got 1"));
  CHECK(says(qwen2.with({{"layer_types", {"full_attention", "linear_attention"}}}),
             "layer_types must be sliding_attention or full_attention, got \"linear_attention\""));
  CHECK(says(dynamic.with({{"rope_scaling", {{"rope_type", "dynamic"}}}}), "rope_scaling.factor is missing"));
  CHECK(says(dynamic.with({{"rope_scaling", {{"rope_type", "dynamic"}, {"factor", -2}}}}),
             "rope_scaling.factor must be positive, got -2"));
  CHECK(says(dynamic.with({{"rope_scaling", {{"rope_type", "dynamic"}, {"factor", 1e300}}}}),
             "rope_scaling.factor times the context of 6 tokens must be at most 16777216"));
  CHECK(says(dynamic.with({{"rope_scaling", {{"rope_type", "llama3"}, {"factor", 2}}}}), "low_freq_factor is missing"));
  CHECK(says(dynamic.with({{"rope_parameters", {{"rope_type", "linear"}, {"factor", 4.0}}}}),
             "rope_scaling and rope_parameters must agree"));
}

TEST_CASE("families: settings of one family are rejected by name") {
  const Golden gemma{"gemma"}, gemma2{"gemma2"}, gemma3{"gemma3"}, old{"gemma3_old"}, neox{"gpt_neox"}, phi3{"phi3"},
      smollm3{"smollm3"}, qwen3{"qwen3"}, olmo2{"olmo2"};
  CHECK(says(gemma.with({{"use_bidirectional_attention", true}}), "use_bidirectional_attention must be false"));
  CHECK(says(gemma.with({{"hidden_activation", "relu"}}), "hidden_act (gelu_pytorch_tanh) and hidden_activation (relu)",
             "must agree"));
  CHECK(says(gemma.with({{"neutra_embedding_scale", -1}}), "neutra_embedding_scale must be positive, got -1"));
  CHECK(says(gemma2.with({{"use_bidirectional_attention", true}}), "use_bidirectional_attention must be false"));
  CHECK(
      says(gemma2.with({{"attn_logit_softcapping", 0}}), "attn_logit_softcapping must be positive, or null", "got 0"));
  CHECK(says(gemma2.with({{"final_logit_softcapping", -3}}), "final_logit_softcapping must be positive", "got -3"));
  CHECK(says(gemma2.with({{"query_pre_attn_scalar", 0}}), "query_pre_attn_scalar must be an integer in 1 .. "));
  CHECK(says(gemma3.with({{"attn_logit_softcapping", 50}}), "attn_logit_softcapping must be null, got 50"));
  CHECK(says(gemma3.with({{"rope_parameters", {{"rope_type", "default"}}}}),
             "rope_parameters must have an object for full_attention and one for sliding_attention"));
  CHECK(says(gemma3.with({{"rope_parameters", {{"sliding_attention", {{"rope_type", "linear"}, {"factor", 2}}}}}}),
             "rope_parameters.sliding_attention.rope_type must be \"default\", got \"linear\""));
  CHECK(
      says(gemma3.with({{"rope_local_base_freq", 60}}), "rope_local_base_freq (60) and rope_parameters", "must agree"));
  CHECK(says(old.with({{"rope_local_base_freq", -1}}), "rope_local_base_freq must be positive, got -1"));
  CHECK(says(old.with({{"sliding_window_pattern", 0}}), "sliding_window_pattern must be an integer in 1 .. "));
  CHECK(says(neox.with({{"layer_norm_eps", 0}}), "layer_norm_eps must be positive, got 0"));
  CHECK(says(neox.with({{"num_key_value_heads", 2}}), "a gpt_neox has as many kv_heads as heads"));
  CHECK(says(gemma2.with({{"sliding_window", nullptr}}), "sliding_window must be a number of tokens, got null"));
  CHECK(qwen3.with({{"use_sliding_window", true}, {"sliding_window", nullptr}})()->config().by_layer.empty());
  Golden absent{"mistral"};
  absent.json.erase("num_key_value_heads");
  CHECK(says([&] { absent.load(); }, "must be a multiple of num_key_value_heads, got 4 and 8"));
  CHECK(says(neox.with({{"head_dim", 8}}), "dim must be heads times head width, got 16, 4 and 8"));
  CHECK(says(neox.with({{"attention_bias", false}}), "not of a gpt_neox: gpt_neox.layers.0.attention.dense.bias"));
  CHECK(says(phi3.with({{"rope_parameters", {{"rope_type", "default"}, {"partial_rotary_factor", 0.75}}}}),
             "partial_rotary_factor must rotate an even number of the 4 elements of a head, got 0.75"));
  CHECK(says(phi3.with({{"rope_parameters", {{"rope_type", "longrope"}}}}), "rope_parameters.rope_type must be one of",
             "got \"longrope\""));
  CHECK(says(smollm3.with({{"no_rope_layers", {1}}}), "no_rope_layers must have 2 entries", "got 1"));
  CHECK(says(smollm3.with({{"no_rope_layers", {1, 2}}}), "no_rope_layers must be an array of integers in 0 .. 1"));
  CHECK(says(qwen3.with({{"attention_bias", true}}), "missing: ", "self_attn.q_proj.bias"));
  CHECK(says(olmo2.with({{"partial_rotary_factor", 0.5}}), "partial_rotary_factor must be 1, got 0.5"));
}

TEST_CASE("families: the factor of an embedding is rounded to the type of the file's weights") {
  io::Json json = facts().at("gemma").at("config");
  const auto factor = [&](const char* type, Index dim) {
    json["dtype"] = type;
    json["hidden_size"] = dim;
    return nn::read_config(json, "config.json").numbers.at("embedding_scale");
  };
  CHECK(factor("bfloat16", 3072) == 55.5);
  CHECK(factor("bfloat16", 2048) == 45.25);
  CHECK(factor("float16", 3072) == 55.4375);
  CHECK(factor("float32", 3072) == Approx(std::sqrt(3072.0)).epsilon(1e-7));
  json["neutra_embedding_scale"] = 55.5;
  CHECK(factor("float32", 3072) == 55.5);
}

TEST_CASE("families: the caps of Gemma 2 are 50 and 30 where the keys are absent, and none where they are null") {
  io::Json json = facts().at("gemma2").at("config");
  const char* const keys[] = {"attn_logit_softcapping", "final_logit_softcapping"};
  for (const char* key : keys) json.erase(key);
  const nn::Config capped = nn::read_config(json, "config.json");
  CHECK(capped.numbers.at("attention_cap") == 50);
  CHECK(capped.numbers.at("logit_cap") == 30);
  for (const char* key : keys) json[key] = nullptr;
  const nn::Config uncapped = nn::read_config(json, "config.json");
  CHECK(!uncapped.numbers.contains("attention_cap"));
  CHECK(!uncapped.numbers.contains("logit_cap"));
  const io::Json again = nn::config_json(uncapped, "float32");
  for (const char* key : keys) CHECK(again.at(key).is_null());
}

TEST_CASE("families: layers of Gemma 3 with a window have the RoPE base of their own, in both forms of the keys") {
  for (const char* name : {"gemma3", "gemma3_old"}) {
    const nn::Config config = Golden{name}.load()->config();
    CHECK(config.numbers.at("window_theta") == 50);
    CHECK(config.numbers.at("rope_theta") == 900);
    CHECK(config.choices.at("rope_scaling") == "linear");
  }
  CHECK(Golden{"gemma3_old"}.load()->config().by_layer.at("windowed") == "101");
  io::Json json = facts().at("gemma3_old").at("config");
  for (const char* key : {"rope_theta", "rope_local_base_freq", "sliding_window_pattern"}) json.erase(key);
  const nn::Config plain = nn::read_config(json, "config.json");
  CHECK(plain.numbers.at("window_theta") == 10000);
  CHECK(plain.numbers.at("rope_theta") == 1e6);
  CHECK(plain.by_layer.at("windowed") == "111");
}

TEST_CASE("families: GPT-NeoX rotates a quarter of each head unless a key says otherwise, and ignores old buffers") {
  io::Json json = facts().at("gpt_neox").at("config");
  for (const char* key : {"rope_parameters", "use_parallel_residual", "attention_bias"}) json.erase(key);
  json["hidden_size"] = 32;
  const nn::Config plain = nn::read_config(json, "config.json");
  CHECK(plain.numbers ==
        std::map<std::string, double>{
            {"rope_theta", 10000}, {"rotated_share", 0.25}, {"parallel_residual", 1}, {"attention_bias", 1}});
  json["rotary_pct"] = 1;
  json["rotary_emb_base"] = 500;
  json["attention_bias"] = false;
  const nn::Config changed = nn::read_config(json, "config.json");
  CHECK(changed.numbers ==
        std::map<std::string, double>{{"rope_theta", 500}, {"parallel_residual", 1}, {"attention_bias", 0}});
  const nn::WeightList list = nn::weight_list(changed);
  for (const char* buffer : {"attention.bias", "attention.masked_bias", "attention.rotary_emb.inv_freq"})
    CHECK(list.ignores(concat("gpt_neox.layers.1.", buffer)));
  CHECK(!list.ignores("gpt_neox.layers.1.attention.dense.bias"));
}

TEST_CASE("families: frequencies under llama3 scaling are those of Llama 3.2") {
  nn::Config scaled;
  scaled.numbers = {{"rope_theta", 500000},
                    {"rope_factor", 32},
                    {"rope_low_factor", 1},
                    {"rope_high_factor", 4},
                    {"rope_trained_context", 8192}};
  scaled.choices = {{"rope_scaling", "llama3"}};
  const auto f = nn::scaled_frequencies(scaled, 64, 100);
  const std::pair<std::size_t, double> right[] = {{0, 1},
                                                  {1, 6.636012e-01},
                                                  {14, 3.211446e-03},
                                                  {15, 1.290548e-03},
                                                  {16, 4.295568e-04},
                                                  {17, 9.708288e-05},
                                                  {18, 1.946164e-05},
                                                  {31, 9.418307e-08}};
  for (const auto& [pair, value] : right) CHECK(f[pair] == Approx(value).epsilon(1e-6));
}
