// GPT-2 folders: logits and losses against transformers (tests/golden/make_gpt2.py), adapters, training and saving;
// unsupported settings are rejected by name.
#include "neutra/adapter/any.hpp"
#include "neutra/adapter/list.hpp"
#include "neutra/adapter/lora.hpp"
#include "neutra/adapter/residue.hpp"
#include "neutra/nn/adapter_file.hpp"
#include "neutra/nn/model_folder.hpp"

#include "tests/adapter/model.hpp"
#include "tests/allocations.hpp"
#include "tests/io/scratch.hpp"
#include "tests/nn/models.hpp"

using namespace neutra;
using adapter::Site;
using scratch::says;

namespace {

const io::Path golden = io::Path(NEUTRA_SOURCE_DIR) / "tests/golden/gpt2";

template <Scalar S> auto load(DType precision = dtype_of<S>) {
  return nn::load_model<S, Cpu>(golden, {.precision = precision});
}

io::Json expected() { return io::read_json(golden / "expected.json"); }

/// The golden folder with changed keys of config.json, and tensors renamed or added.
struct ChangedFolder {
  scratch::Folder folder;
  std::map<std::string, Tensor<float>> tensors;
  io::Json json = io::read_json(golden / "config.json");

  ChangedFolder() {
    const auto file = io::Safetensors::open(golden / "model.safetensors");
    for (const auto& entry : file.entries()) tensors[entry.name] = file.read<float>(entry.name);
  }
  template <Scalar S = float> std::shared_ptr<const nn::Backbone<S, Cpu>> load() const {
    std::vector<io::NamedView<float>> views;
    for (const auto& [name, tensor] : tensors) views.push_back({name, tensor.view()});
    io::write_safetensors<float>(folder / "model.safetensors", views);
    io::write_json(folder / "config.json", json);
    return nn::load_model<S, Cpu>(folder.path());
  }
  static auto with(const io::Json& changes) {
    return [changes] {
      ChangedFolder changed;
      changed.json.update(changes);
      changed.load();
    };
  }
};

/// The mean loss of the golden sequences.
std::vector<double> losses(const std::shared_ptr<const nn::Backbone<double, Cpu>>& backbone) {
  nn::Transformer<adapter::None, double, Cpu> model(backbone);
  std::vector<double> all;
  const io::Json recorded = expected();
  for (const std::vector<std::int32_t> tokens : recorded["tokens"]) {
    const auto text = std::span(tokens);
    const Index count = static_cast<Index>(tokens.size()) - 1;
    Tape<double, Cpu> tape;
    tape.start(false);
    all.push_back(model.loss(tape, {1, count, text.first(tokens.size() - 1), text.subspan(1)}, {count, 0}).lm.item());
  }
  return all;
}

template <class A> nn::Transformer<A, double, Cpu> extended(const A& adapter) { return {load<double>(), adapter, 1}; }

}  // namespace

TEMPLATE_TEST_CASE("gpt2: logits equal those of transformers", "", float, double) {
  using S = TestType;
  nn::Transformer<adapter::None, S, Cpu> model(load<S>());
  const io::Json json = expected();
  std::vector<std::int32_t> tokens;
  for (const std::vector<std::int32_t> sequence : json["tokens"])
    tokens.insert(tokens.end(), sequence.begin(), sequence.end());
  Tape<S, Cpu> tape;
  tape.start(false);
  const View<const S> logits = model.logits(tape, {2, 7, tokens}).value();
  double worst = 0;
  for (Index n = 0; n < 14; ++n)
    for (Index v = 0; v < 23; ++v) {
      const double right =
          json["logits"][static_cast<std::size_t>(n / 7)][static_cast<std::size_t>(n % 7)][static_cast<std::size_t>(v)];
      worst = std::max(worst, std::abs(static_cast<double>(logits(n, v)) - right));
    }
  CHECK(worst < (std::is_same_v<S, float> ? 1e-5 : 1e-12));
}

TEST_CASE("gpt2: losses equal those of transformers for every activation name") {
  const io::Json json = expected();
  for (const auto& [name, right] : json["losses"].items()) {
    CAPTURE(name);
    ChangedFolder changed;
    changed.json["activation_function"] = name;
    const auto found = losses(changed.load<double>());
    for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i] == Approx(right[i].get<double>()).epsilon(1e-12));
  }
}

TEST_CASE("gpt2: the prefix of names is optional, and masks in old files are ignored") {
  const auto whole = load<float>();
  ChangedFolder old;
  old.tensors.clear();
  for (auto& [name, tensor] : ChangedFolder().tensors) old.tensors[name.substr(name.find('.') + 1)] = tensor.clone();
  old.tensors["h.0.attn.bias"] = Tensor<float>({1, 1, 10, 10});
  old.tensors["h.0.attn.masked_bias"] = Tensor<float>({1});
  old.tensors["lm_head.weight"] = Tensor<float>({23, 12});  // tied: transformers uses the embedding
  const auto loaded = old.load();
  CHECK(models::same(*loaded, *whole));
  CHECK(nn::fingerprint(*loaded) == nn::fingerprint(*whole));
}

TEST_CASE("gpt2: a saved model equals the loaded files, tensor by tensor and key by key") {
  const scratch::Folder folder;
  const auto model = load<float>();
  nn::save_model(folder.path(), *model);
  const auto before = io::Safetensors::open(golden / "model.safetensors"),
             after = io::Safetensors::open(folder / "model.safetensors");
  REQUIRE(after.entries().size() == before.entries().size());
  for (const auto& entry : before.entries()) {
    CAPTURE(entry.name);
    const auto a = before.read<float>(entry.name), b = after.read<float>(entry.name);
    CHECK(models::same_bits<float>(a.view(), b.view()));
  }
  const auto json = io::read_json(folder / "config.json"), first = io::read_json(golden / "config.json");
  for (const auto& [key, value] : first.items())
    if (key != "n_inner") CHECK(json.at(key) == value);
  CHECK(json["n_inner"] == 48);
  CHECK(models::same(*nn::load_model<float, Cpu>(folder.path()), *model));
}

TEST_CASE("gpt2: a random untied model of another FFN width is loaded bit for bit") {
  nn::Config config{.family = "gpt2",
                    .vocabulary = 11,
                    .dim = 12,
                    .ffn = 10,
                    .layers = 2,
                    .heads = 4,
                    .context = 9,
                    .choices = {{"activation", "relu"}},
                    .bos = 1,
                    .eos = {2, 3}};
  const auto model = nn::Backbone<double, Cpu>::random(config, 5);
  const scratch::Folder folder;
  nn::save_model(folder.path(), *model);
  CHECK(models::same(*nn::load_model<double, Cpu>(folder.path()), *model));
  CHECK(model->weight("transformer.h.1.ln_2.weight").value().data[3] == 1);
  CHECK(model->weight("transformer.h.1.attn.k.bias").value().data[3] == 0);
}

TEST_CASE("gpt2: LoRA acts on the projections of the family") {
  const auto sizes = load<float>()->config().sizes();
  CHECK(sizes.block_weights() == 2 * (4 * 12 * 12 + 2 * 12 * 48 + 4 * 12 + 48 + 12 + 4 * 12));
  const auto described = adapter::Lora{.rank = 2}.describe(sizes);
  CHECK(text_of(described.settings.at("targets")) == "q|k|v|o|up|down");
  CHECK(described.weights == 2 * 2 * (4 * (12 + 12) + 2 * (12 + 48)));
  CHECK(says([&] { adapter::Lora{.sites = {Site::gate}}.describe(sizes); }, "lora", "no projection 'gate'"));
}

TEST_CASE("gpt2: gradients of adapters equal central differences") {
  auto lora = extended(adapter::Lora{.scale = 0.5, .rank = 2});
  testing::fill_zero_parameters(lora.parameters());
  CHECK(model_gradient_error(lora, TinyBatch(), Slopes::smooth) < 1e-6);
  auto residue = extended(adapter::Any<double, Cpu>(adapter::Residue<>{.width = 3}));
  testing::fill_zero_parameters(residue.parameters());
  CHECK(model_gradient_error(residue, TinyBatch()) < 1e-6);
  auto both = extended(adapter::List(adapter::Residue<>{.placement = Placement::attention, .width = 3},
                                     adapter::Lora{.sites = {Site::q, Site::down}, .rank = 1}));
  testing::fill_zero_parameters(both.parameters());
  CHECK(model_gradient_error(both, TinyBatch()) < 1e-6);
}

TEST_CASE("gpt2: gradients of every weight equal central differences, recomputed or not") {
  nn::Transformer<adapter::None, double, Cpu> model(nn::Backbone<double, Cpu>::random(
      {.family = "gpt2", .vocabulary = 19, .dim = 6, .ffn = 5, .layers = 2, .heads = 2, .context = 6, .tied = true},
      1));
  model.thaw();
  for (auto* weight : model.parameters()) {
    const auto drawn = testing::random_tensor<double, Host>(weight->value.shape(), weight->name, 0.4);
    for (Index i = 0; i < drawn.size(); ++i) weight->value.data()[i] += drawn.data()[i];
  }
  CHECK(model_gradient_error(model, TinyBatch(), Slopes::smooth) < 1e-6);
  const auto whole = testing::numbers_of(model, TinyBatch(), 0.0);
  model.recompute_layers = true;
  CHECK(testing::numbers_of(model, TinyBatch(), 0.0).gradients == whole.gradients);
}

TEST_CASE("gpt2: finetuning, with matmul in float and in bf16, reduces the loss and is saved") {
  for (const bool bf16 : {false, true}) {
    nn::Transformer<adapter::None, float, Cpu> model(load<float>(bf16 ? DType::bf16 : DType::f32));
    model.thaw();
    const auto seen = testing::train_on(model, TinyBatch(), 20, 1e-2, 0.0f);
    CHECK(seen.back() < 0.8 * seen.front());
    const scratch::Folder folder;
    nn::save_model(folder.path(), model);
    const auto loaded = nn::load_model<float, Cpu>(folder.path());
    for (std::size_t i = 0; i < loaded->weights().size(); ++i) {
      const auto values = loaded->weights()[i].copy();
      CHECK(models::same_bits<float>(values.view(), model.thawed_weights()[i]->value.view()));
    }
  }
}

TEST_CASE("gpt2: training steps after the first allocate no memory") {
  if (!allocations_counted()) return;
  nn::Transformer<adapter::Residue<>, float, Cpu> model(load<float>(), {.width = 3}, 1);
  optim::AdamW<float, Cpu> adamw(model.parameters(), {});
  const TinyBatch batch;
  Tape<float, Cpu> tape;
  std::size_t asked = 0;
  for (int step = 0; step < 4; ++step) {
    const auto so_far = allocations();
    tape.start();
    tape.backward(model.loss(tape, batch.tokens(), batch.counts()).total(0.1f));
    adamw.step(1e-3, adamw.gradient_norm());
    if (step > 0) asked += allocations() - so_far;
  }
  CHECK(asked == 0);
}

TEST_CASE("gpt2: an adapter is saved for its model, and rejected by another") {
  const scratch::Folder folder;
  const io::Path file = folder / "adapter.safetensors";
  nn::Transformer<adapter::Lora, float, Cpu> model(load<float>(), {.rank = 2}, 1);
  const nn::Base base = nn::base_of(*model.backbone());
  nn::save_adapter(file, model.parameters(), adapter::Lora{.rank = 2}.describe(base.config.sizes()), base);
  CHECK(nn::read_adapter_json(file).base.config.choices.at("activation") == "gelu_new");
  CHECK_NOTHROW(nn::load_adapter_weights(file, model.parameters(), base));
  nn::Base other = base;
  other.config.choices["activation"] = "gelu";
  CHECK(says([&] { nn::load_adapter_weights(file, model.parameters(), other); },
             "activation: made for gelu_new, the model has gelu"));
  const nn::Base llama = nn::base_of(*models::random());
  CHECK(says([&] { nn::load_adapter_weights(file, model.parameters(), llama); },
             "family: made for gpt2, the model is of llama"));
}

TEST_CASE("gpt2: unsupported settings are rejected by name") {
  const auto with = [](const io::Json& changes) { return ChangedFolder::with(changes); };
  CHECK(says(with({{"activation_function", "quick_gelu"}}), "activation_function must be one of gelu, gelu_new",
             "got \"quick_gelu\""));
  CHECK(says(with({{"scale_attn_weights", false}}), "scale_attn_weights must be true, got false"));
  CHECK(says(with({{"scale_attn_by_inverse_layer_idx", true}}),
             "scale_attn_by_inverse_layer_idx must be false, got true"));
  CHECK(says(with({{"add_cross_attention", true}}), "add_cross_attention must be false"));
  CHECK(says(with({{"architectures", {"GPT2ForSequenceClassification"}}}), "architectures must be"));
  CHECK(says(with({{"n_head", 5}}), "n_embd must be a multiple of n_head, got 12 and 5"));
  CHECK(says(with({{"layer_norm_epsilon", 0}}), "layer_norm_epsilon must be positive"));
  CHECK(says(with({{"n_layer", 3}}), "missing: transformer.h.2.ln_1.weight", "transformer.h.2.attn.c_attn.weight"));
  CHECK(says(with({{"n_layer", 65536}}), "missing: transformer.h.2.ln_1.weight", "more"));
  CHECK(says(with({{"n_inner", 40}}), "transformer.h.0.mlp.c_fc.weight must be (12,40), got (12,48)"));
  CHECK(says(with({{"tie_word_embeddings", false}}), "missing: lm_head.weight", "\"tie_word_embeddings\": true"));
  for (const char* family : {"gpt2", "llama"})
    CHECK(message([&] {
            nn::Config{.family = family, .vocabulary = 9, .dim = 100, .ffn = 8, .layers = 1, .heads = 3, .context = 4}
                .complete();
          }) == "model sizes: dim (100) must be a multiple of heads (3)");
  CHECK(says([] { nn::Config{.family = "gpt3"}.complete(); }, "must be one of \"llama\", \"gpt2\", ", "got \"gpt3\""));
  CHECK(says(
      [] {
        nn::Config{.family = "gpt2",
                   .vocabulary = 9,
                   .dim = 8,
                   .ffn = 4,
                   .layers = 1,
                   .heads = 2,
                   .kv_heads = 1,
                   .context = 4,
                   .numbers = {{"rope_theta", 1e4}}}
            .complete();
      },
      "the only setting of a gpt2 is activation", "as many kv_heads as heads"));
}

TEST_CASE("gpt2: tensors of another shape, transposed, missing or foreign are listed in one message") {
  ChangedFolder wrong;
  wrong.tensors["transformer.h.0.attn.c_attn.weight"] = Tensor<float>({36, 12});
  wrong.tensors["transformer.h.1.ln_1.bias"] = Tensor<float>({11});
  wrong.tensors.erase("transformer.wpe.weight");
  wrong.tensors["transformer.h.0.crossattention.c_attn.weight"] = Tensor<float>({2, 2});
  CHECK(says([&] { wrong.load(); }, "missing: transformer.wpe.weight",
             "c_attn.weight must be (12,36), got (36,12) (transposed: it is stored as (in, out) in this family)",
             "transformer.h.1.ln_1.bias must be (12), got (11)",
             "not of a gpt2: transformer.h.0.crossattention.c_attn.weight"));
}
