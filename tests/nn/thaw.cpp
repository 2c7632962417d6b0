// Training some weights of a backbone: which are chosen, their gradients, and what is saved.
#include "neutra/nn/model_folder.hpp"

#include "tests/adapter/model.hpp"
#include "tests/io/scratch.hpp"
#include "tests/nn/models.hpp"

#include <cmath>
#include <numeric>

using scratch::says;

namespace {

template <Scalar S> nn::Transformer<adapter::None, S, Cpu> model_of(const nn::Config& config) {
  return {tiny_backbone<S>(config)};
}

double norm(const std::vector<double>& of) {
  return std::sqrt(std::inner_product(of.begin(), of.end(), of.begin(), 0.0));
}

}  // namespace

TEST_CASE("thaw: a weight that is trained alone has the gradient that it has among all, recomputed or not") {
  const TinyBatch batch({0, 1}, 3, 4);
  for (const nn::Config& config : tiny_configs()) {
    auto whole = model_of<double>(config);
    whole.thaw();
    const double everything = norm(testing::numbers_of(whole, batch, 0.0).gradients);
    for (const auto* weight : whole.parameters())
      for (const bool recompute : {false, true}) {
        CAPTURE(weight->name, recompute);
        auto model = model_of<double>(config);
        model.thaw([&](const nn::Weight& one) { return one.name == weight->name; });
        model.recompute_layers = recompute;
        auto difference = testing::numbers_of(model, batch, 0.0).gradients;
        REQUIRE(model.parameters().size() == 1);
        CHECK(model.parameters()[0]->name == weight->name);
        const double size = norm(difference);
        for (std::size_t i = 0; i < difference.size(); ++i) difference[i] -= weight->gradient.data()[i];
        // Only rounding differs. The exact gradient of gpt2's k bias is 0: it is measured by that of all weights.
        CHECK(norm(difference) < 1e-11 * size + 1e-13 * everything);
      }
  }
}

TEST_CASE(
    "thaw: weights are chosen by name, layer and shape, in several calls, and stay in the order of the backbone") {
  auto model = model_of<float>(testing::tiny_config());
  CHECK_FALSE(model.thawed());
  CHECK(says([&] { model.thaw([](const nn::Weight& weight) { return weight.layer == 2; }); },
             "thaw: at least one of the 21 weights must be chosen, got none; the first is "
             "model.layers.0.input_layernorm.weight"));
  CHECK_FALSE(model.thawed());
  model.thaw([](const nn::Weight& weight) { return weight.layer == 1 && weight.kind.shape.rank() == 1; });
  REQUIRE(model.parameters().size() == 2);
  const auto* norm = model.parameters()[0];
  model.thaw([](const nn::Weight& weight) { return weight.name.ends_with("norm.weight"); });
  std::vector<std::string> names;
  for (const auto* parameter : model.parameters()) names.push_back(parameter->name);
  CHECK(names == std::vector<std::string>{"model.layers.0.input_layernorm.weight",
                                          "model.layers.0.post_attention_layernorm.weight",
                                          "model.layers.1.input_layernorm.weight",
                                          "model.layers.1.post_attention_layernorm.weight", "model.norm.weight"});
  CHECK(model.parameters()[2] == norm);  // as it was
  const auto losses = testing::train_on(model, TinyBatch());
  CHECK(losses.back() < losses.front());
  model.thaw();
  CHECK(model.parameters().size() == 21);
}

TEST_CASE("thaw: a model with some trained weights is saved with those, and with the others of its backbone") {
  const scratch::Folder folder;
  for (const nn::Config& config : tiny_configs()) {
    auto model = model_of<float>(config);
    model.thaw([](const nn::Weight& weight) { return weight.layer == 1; });
    testing::train_on(model, TinyBatch(), 3);
    nn::save_model(folder / config.family, model);
    const auto loaded = nn::load_model<float, Cpu>(folder / config.family);
    const auto& list = model.backbone()->list();
    for (std::size_t i = 0; i < loaded->weights().size(); ++i) {
      const bool trained = list.at(static_cast<Index>(i)).layer == 1;
      const Tensor<float, Cpu> now = loaded->weights()[i].copy(), before = model.backbone()->weights()[i].copy();
      CAPTURE(loaded->weights()[i].name);
      REQUIRE((model.thawed_weights()[i] != nullptr) == trained);
      CHECK(models::same_bits<float>(now, before) == !trained);
      if (trained) CHECK(models::same_bits<float>(now, model.thawed_weights()[i]->value));
    }
  }
}

TEST_CASE("thaw: a trained model is saved in the types of the folder it came from, with the keys of its config.json") {
  const scratch::Folder base, saved;
  const auto random = models::random();
  nn::save_model(base.path(), *random, {{"an_unknown_key", {{"kept", {1, 2}}}}});
  std::vector<io::TensorSource> tensors;
  const auto type_of = [](const std::string& name) {
    if (name.find("norm") != name.npos) return io::dtype_of<float>();
    return name.find("mlp") != name.npos ? io::dtype_of<f16>() : io::dtype_of<bf16>();
  };
  for (const auto& weight : random->weights())
    tensors.push_back({weight.name, type_of(weight.name), weight.shape(), [&](io::OutputFile& file) {
                         io::write_elements<float>(file, weight.name, weight.copy(), type_of(weight.name));
                       }});
  io::write_safetensors(base / "model.safetensors", tensors);
  nn::Transformer<adapter::None> model(nn::load_model<float, Cpu>(base.path(), {nn::Purpose::finetuning}));
  model.thaw();
  TinyBatch batch;
  for (auto* tokens : {&batch.inputs, &batch.targets})
    for (std::int32_t& token : *tokens) token %= static_cast<std::int32_t>(random->config().vocabulary);
  testing::train_on(model, batch, 3);
  nn::save_model(saved.path(), model, io::Json::object(), base.path());
  const io::Json config = io::read_json(saved / "config.json");
  CHECK(config.at("torch_dtype") == "bfloat16");
  CHECK(config.at("an_unknown_key") == io::Json{{"kept", {1, 2}}});
  const auto before = io::Safetensors::open(base / "model.safetensors"),
             after = io::Safetensors::open(saved / "model.safetensors");
  for (const auto& entry : before.entries()) {
    CAPTURE(entry.name);
    CHECK(after.entry(entry.name).dtype == entry.dtype);
    CHECK_FALSE(models::same_bits<float>(before.read<float>(entry.name), after.read<float>(entry.name)));
  }
  nn::save_model(saved.path(), model);
  CHECK(io::read_json(saved / "config.json").at("torch_dtype") == "float32");
}
