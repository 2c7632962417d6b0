// Llamas as GGUF files written byte by byte: equal to the model they were made from, and invalid ones are rejected.
#include "neutra/nn/families/gguf.hpp"
#include "neutra/nn/model_folder.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"
#include "tests/nn/gguf_models.hpp"
#include "tests/nn/models.hpp"

#include <limits>

using namespace neutra;
using namespace samples;
using scratch::says;

namespace {

auto loads(const GgufBytes& bytes) {
  return [bytes] {
    const scratch::Folder folder;
    scratch::put(folder / "model.gguf", bytes.file());
    return nn::load_gguf<float, Cpu>(folder / "model.gguf");
  };
}
auto small_file() { return gguf_of(*models::random(), "F32"); }
auto with(const std::string& key, const std::string& value) {
  GgufBytes bytes = small_file();
  bytes.set(key, value);
  return loads(bytes);
}

}  // namespace

TEST_CASE("gguf: a model of each type of tensor equals the one it was made from") {
  for (const bool tied : {false, true})
    for (const std::string type : {"F32", "F16", "BF16", "Q8_0", "Q4_0"}) {
      CAPTURE(tied, type);
      const auto model = coarse_model(tied);
      const GgufBytes bytes = gguf_of(*model, type);
      CHECK(models::same(*loads(bytes)(), *model));
    }
  const auto odd = models::random();  // head widths are not dim / heads, and no size is a multiple of 32
  CHECK(models::same(*loads(gguf_of(*odd, "F32"))(), *odd));
}

TEST_CASE("gguf: what is saved is a folder that loads as the same model") {
  const scratch::Folder folder;
  nn::Config config = models::tiny();
  config.numbers["attention_bias"] = config.numbers["mlp_bias"] = 1;
  config.complete();
  const auto model = nn::Backbone<float, Cpu>(config, [](const nn::Weight& weight) {
    Tensor<float, Cpu> values(weight.kind.shape);
    for (Index i = 0; i < values.size(); ++i) values.data()[i] = static_cast<float>(i + weight.layer);
    return values;
  });
  const auto loaded = loads(gguf_of(model, "F32"))();
  CHECK(models::same(*loaded, model));
  nn::save_model(folder.path(), *loaded);
  CHECK(models::same(*nn::load_model<float, Cpu>(folder.path()), model));
}

TEST_CASE("gguf: RoPE scaling") {
  CHECK(with("llama.rope.scaling.type", text("none"))()->config() == models::tiny());
  GgufBytes bytes = small_file();
  bytes.set("llama.rope.scaling.type", text("linear"));
  bytes.set("llama.rope.scaling.factor", f32(4));
  const nn::Config linear = loads(bytes)()->config();
  CHECK(linear.choices.at("rope_scaling") == "linear");
  CHECK(linear.numbers.at("rope_factor") == 4);
  CHECK(with("llama.rope.scale_linear", f32(2))()->config().numbers.at("rope_factor") == 2);
  CHECK(says(with("llama.rope.scaling.type", text("yarn")), "scaling.type must be none or linear, got yarn"));
  CHECK(says(with("llama.rope.scaling.type", text("linear")), "llama.rope.scaling.factor is missing"));

  // Heads of width 4 at base 500000: wavelengths 6.28 and 4443, of which the second is between 8192 / 4 and 8192.
  bytes = small_file();
  bytes.set("llama.rope.freq_base", f32(500000));
  const float kept = (8192.0f / 4442.88f - 1) / 3;
  bytes.tensors.push_back({"rope_freqs.weight", {2}, 0, raw_all<float>({1, 1 / ((1 - kept) / 8 + kept)})});
  CHECK(says(loads(bytes), "rope_freqs.weight must be the divisors of Llama 3.1"));
  bytes.set("llama.rope.freq_base", f32(1e10f));
  bytes.tensor("rope_freqs.weight").data = raw_all<float>({1, 32});
  const nn::Config llama3 = loads(bytes)()->config();
  CHECK(llama3.choices.at("rope_scaling") == "llama3");
  CHECK(llama3.numbers == std::map<std::string, double>{{"rope_theta", 1e10},
                                                        {"rope_factor", 32},
                                                        {"rope_trained_context", 8192},
                                                        {"rope_low_factor", 1},
                                                        {"rope_high_factor", 4}});
  bytes.tensor("rope_freqs.weight").data = raw_all<float>({1, 1});
  CHECK(loads(bytes)()->config().choices.empty());
  bytes.tensor("rope_freqs.weight").sizes = {1, 2};
  CHECK(says(loads(bytes), "rope_freqs.weight must be (2), got (2,1)"));
}

TEST_CASE("gguf: eos is every token that ends a text or a turn") {
  GgufBytes bytes = small_file();
  bytes.set("tokenizer.ggml.eot_token_id", u32(5));
  CHECK(loads(bytes)()->config().eos == std::vector<Index>{2, 5});
  bytes.set("tokenizer.ggml.eot_token_id", u32(2));
  CHECK(loads(bytes)()->config().eos == std::vector<Index>{2});
  CHECK(says(with("tokenizer.ggml.bos_token_id", u32(11)), "bos_token_id must be an integer in 0 .. 10, got 11"));
}

TEST_CASE("gguf: keys that are missing, out of range or not supported") {
  for (const char* key :
       {"general.architecture", "llama.embedding_length", "llama.feed_forward_length", "llama.block_count",
        "llama.attention.head_count", "llama.context_length", "llama.attention.layer_norm_rms_epsilon"}) {
    GgufBytes bytes = small_file();
    bytes.drop(key);
    CHECK(says(loads(bytes), concat("model.gguf: ", key, " is missing")));
  }
  for (const char* key : {"llama.embedding_length", "llama.block_count", "llama.attention.head_count",
                          "llama.attention.head_count_kv", "llama.attention.key_length"})
    for (const std::string& value : {u32(0), u32(0xffffffffu), f32(4), array_of<std::uint32_t>(4, {2, 2})})
      CHECK(says(with(key, value), concat("model.gguf: ", key, " must be an integer in 1 .. ")));
  for (const float value : {0.0f, -1.0f, std::numeric_limits<float>::quiet_NaN()}) {
    CHECK(says(with("llama.attention.layer_norm_rms_epsilon", f32(value)), "must be positive"));
    CHECK(says(with("llama.rope.freq_base", f32(value)), "llama.rope.freq_base must be positive"));
  }
  CHECK(says(with("general.architecture", text("gemma")), "architecture must be \"llama\", got \"gemma\""));
  CHECK(says(with("general.type", text("adapter")), "general.type must be \"model\", got \"adapter\""));
  CHECK(says(with("split.count", raw<std::uint32_t>(2) + raw<std::uint16_t>(3)), "one of 3 files", "--merge"));
  CHECK(says(with("llama.expert_count", u32(8)), "mixtures of experts"));
  CHECK(says(with("llama.logit_scale", f32(2)), "the key llama.logit_scale is not supported"));
  CHECK(says(with("llama.attention.head_count_kv", u32(3)), "must be a multiple of head_count_kv, got 4 and 3"));
  CHECK(says(with("llama.attention.key_length", u32(5)), "even for RoPE, got 5"));
  CHECK(says(with("llama.rope.dimension_count", u32(2)), "rope.dimension_count must be the head size, 4, got 2"));
  CHECK(says(with("llama.attention.value_length", u32(2)), "value_length must be the head size, 4, got 2"));
  CHECK(says(with("llama.vocab_size", u32(12)), "vocab_size must be the rows of token_embd.weight, 11, got 12"));
}

TEST_CASE("gguf: tensors that are missing, extra or of another shape are told in one message") {
  GgufBytes bytes = small_file();
  std::erase_if(bytes.tensors, [](const GgufTensor& each) { return each.name == "blk.1.ffn_up.weight"; });
  std::swap(bytes.tensor("blk.0.attn_q.weight").sizes[0], bytes.tensor("blk.0.attn_q.weight").sizes[1]);
  bytes.tensors.push_back({"blk.0.attn_sinks.weight", {1}, 0, raw<float>(0)});
  CHECK(says(loads(bytes), "model.gguf: the tensors must match the keys", "missing: blk.1.ffn_up.weight",
             "blk.0.attn_q.weight must be (16,12), got (12,16)", "not of a llama: blk.0.attn_sinks.weight"));
  CHECK(says(with("llama.block_count", u32(65536)), "missing: blk.2.attn_norm.weight", " more"));
  bytes = small_file();
  bytes.tensor("token_embd.weight").name = "x";
  CHECK(says(loads(bytes), "token_embd.weight must be a matrix, got none"));
  bytes = small_file();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  bytes.tensor("blk.1.attn_v.weight").data.replace(4 * 5, 4, raw(nan));
  CHECK(says(loads(bytes), "tensor blk.1.attn_v.weight: values must be finite, got nan at index 5 of (8,12)"));
}
