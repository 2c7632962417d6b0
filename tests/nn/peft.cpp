// LoRA folders of PEFT: those that peft wrote (tests/golden/make_peft.py) give its logits, what is written is read
// again, and what is not supported is rejected by name.
#include "neutra/nn/save_peft.hpp"
#include "neutra/nn/transformer.hpp"

#include "neutra/adapter/list.hpp"
#include "neutra/adapter/oplora.hpp"

#include "tests/nn/golden_family.hpp"
#include "tests/nn/models.hpp"

#include <cstdlib>

using namespace neutra;
using scratch::says;

namespace {

const io::Path peft_folder = golden_family::folder / "peft";

/// A LoRA that peft wrote: the name of its folder, its model, and the tokens of the golden logits.
struct Case {
  explicit Case(std::string called) : name(std::move(called)) {
    base = io::read_json(folder() / "adapter_config.json").at("base_model_name_or_path");
    backbone = base == "gpt2" ? nn::load_model<float, Cpu>(golden_family::folder / "gpt2")
                              : golden_family::Golden{base}.load();
  }
  std::string name, base;
  std::shared_ptr<const nn::Backbone<float, Cpu>> backbone;

  io::Path folder() const { return peft_folder / name; }
  std::vector<std::int32_t> tokens() const {
    if (base != "gpt2") return golden_family::Golden{base}.tokens();
    std::vector<std::int32_t> all;
    const io::Json expected = io::read_json(golden_family::folder / "gpt2/expected.json");
    for (const std::vector<std::int32_t> sequence : expected.at("tokens"))
      all.insert(all.end(), sequence.begin(), sequence.end());
    return all;
  }
  Tensor<float> right() const { return io::Safetensors::open(peft_folder / "logits.safetensors").read<float>(name); }
  template <class A> std::vector<float> logits(nn::Transformer<A, float, Cpu>& model) const {
    return golden_family::logits_of(model, tokens());
  }
  std::vector<float> logits(const io::Path& of) const {
    const nn::PeftLora peft(of);
    nn::Transformer<adapter::Lora, float, Cpu> model(backbone, peft.lora(backbone->config()));
    peft.load(model.parameters(), backbone->config());
    return logits(model);
  }
};

std::vector<std::string> cases() {
  std::vector<std::string> all;
  for (const auto& item : std::filesystem::directory_iterator(peft_folder))
    if (item.is_directory()) all.push_back(item.path().filename().string());
  return all;
}

/// A copy of a LoRA that peft wrote, of which the configuration or the weights are changed.
struct ChangedLora {
  scratch::Folder folder;
  Case of;

  ChangedLora() : of("llama") {
    std::filesystem::copy(of.folder(), folder.path(), std::filesystem::copy_options::recursive);
  }
  auto config(const io::Json& changes) const {
    return [changes, this] {
      io::Json json = io::read_json(of.folder() / "adapter_config.json");
      json.update(changes);
      io::write_json(folder / "adapter_config.json", json);
      return of.logits(folder.path());
    };
  }
  /// The tensors, without one and with another.
  auto weights(const std::string& without, const std::string& with, const Shape& shape) const {
    return [=, this] {
      const auto file = io::Safetensors::open(of.folder() / "adapter_model.safetensors");
      std::map<std::string, Tensor<float>> tensors;
      for (const auto& entry : file.entries())
        if (entry.name != without) tensors.emplace(entry.name, file.read<float>(entry.name));
      if (!with.empty()) tensors.emplace(with, Tensor<float>(shape));
      std::vector<io::NamedView<float>> views;
      for (const auto& [name, tensor] : tensors) views.push_back({name, tensor.view()});
      io::write_safetensors<float>(folder / "adapter_model.safetensors", views);
      return of.logits(folder.path());
    };
  }
};

constexpr const char* q_of_0 = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";

}  // namespace

TEST_CASE("peft: logits with a LoRA of peft equal those of peft") {
  REQUIRE(cases().size() >= 7);
  for (const auto& name : cases()) {
    CAPTURE(name);
    const Case one{name};
    CHECK(golden_family::worst(one.logits(one.folder()), one.right()) < 2e-4);
    nn::Transformer<adapter::None, float, Cpu> bare(one.backbone);
    CHECK(golden_family::worst(one.logits(bare), one.right()) > 0.1);
  }
}

// NEUTRA_SAVED_PEFT names a folder in which they are left for make_peft.py --check.
TEST_CASE("peft: a LoRA is written as it was read") {
  const scratch::Folder made;
  const char* const kept = std::getenv("NEUTRA_SAVED_PEFT");
  for (const auto& name : cases()) {
    CAPTURE(name);
    const Case one{name};
    const io::Path folder = (kept ? io::Path(kept) : made.path()) / name;
    const nn::PeftLora peft(one.folder());
    nn::Transformer<adapter::Lora, float, Cpu> model(one.backbone, peft.lora(one.backbone->config()));
    peft.load(model.parameters(), one.backbone->config());
    nn::save_peft(folder, model.adapter().weight_changes(), one.backbone->config(), one.base);
    CHECK(golden_family::worst(one.logits(folder), one.right()) < 2e-4);
    const auto before = io::Safetensors::open(one.folder() / "adapter_model.safetensors");
    const auto after = io::Safetensors::open(folder / "adapter_model.safetensors");
    REQUIRE(after.entries().size() == before.entries().size());
    for (const auto& entry : before.entries()) CHECK(after.entry(entry.name).shape == entry.shape);
    if (name == "llama") {
      const io::Json json = io::read_json(folder / "adapter_config.json");
      CHECK(json.at("target_modules") == io::Json{"q_proj", "v_proj"});
      CHECK(json.at("r") == 2);
      CHECK(json.at("lora_alpha") == 3.0);
      CHECK(json.at("rank_pattern").empty());
      for (const auto& entry : before.entries())
        CHECK(models::same_bits<float>(before.read<float>(entry.name), after.read<float>(entry.name)));
    }
    if (name == "llama_layer")
      CHECK(io::read_json(folder / "adapter_config.json").at("target_modules") ==
            io::Json{"model.layers.1.mlp.gate_proj", "model.layers.1.self_attn.o_proj"});
    if (name == "gpt2")
      CHECK(io::read_json(folder / "adapter_config.json").at("target_modules") == io::Json{"c_attn", "mlp.c_proj"});
  }
}

TEST_CASE("peft: two adapters are written as one of their ranks together, also of the parts of a fused module") {
  using Two = adapter::List<adapter::Lora, adapter::OpLora>;
  for (const char* name : {"llama", "phi3", "gpt2"}) {
    CAPTURE(name);
    const Case one{name};
    adapter::Lora first{.scale = 0.5};
    first.rank = 2;
    adapter::OpLora second{.top = 1};
    second.lora.rank = 1;
    second.lora.sites = {adapter::Site::q, adapter::Site::down};
    nn::Transformer<Two, float, Cpu> model(one.backbone, Two(first, second), 3);
    for (auto* parameter : model.parameters())
      for (Index i = 0; i < parameter->value.size(); ++i)
        parameter->value.data()[i] = 0.1f * static_cast<float>((i * 7 + parameter->value.size()) % 11 - 5);
    const scratch::Folder folder;
    nn::save_peft(folder.path(), model.adapter().weight_changes(), one.backbone->config(), "here");
    const auto ours = one.logits(model), read = one.logits(folder.path());
    nn::Transformer<adapter::None, float, Cpu> bare(one.backbone);
    const auto without = one.logits(bare);
    double apart = 0, changed = 0;
    for (std::size_t i = 0; i < ours.size(); ++i) {
      apart = std::max(apart, static_cast<double>(std::abs(ours[i] - read[i])));
      changed = std::max(changed, static_cast<double>(std::abs(ours[i] - without[i])));
    }
    CHECK(apart < 1e-4);
    CHECK(changed > 0.01);
  }
}

TEST_CASE("peft: settings that compute another function are rejected by name, all in one message") {
  const ChangedLora changed;
  CHECK(message(changed.config(io::Json::object())).empty());
  CHECK(message(changed.config({{"a_key_of_the_future", 7}, {"lora_dropout", 0.3}, {"r", 2.0}})).find("r must be") !=
        std::string::npos);
  CHECK(message(changed.config({{"a_key_of_the_future", 7}, {"lora_dropout", 0.3}})).empty());
  CHECK(says(changed.config({{"peft_type", "IA3"}}), "peft_type must be \"LORA\", got \"IA3\""));
  CHECK(says(changed.config({{"use_dora", true}, {"modules_to_save", {"lm_head"}}, {"bias", "all"}}), "use_dora true",
             "modules_to_save [\"lm_head\"]", "bias \"all\"", "merge_and_unload()"));
  for (const char* key : {"lora_bias", "use_qalora", "use_bdlora"})
    CHECK(says(changed.config({{key, true}}), std::string(key) + " true"));
  CHECK(says(changed.config({{"layer_replication", {{0, 1}}}}), "layer_replication"));
  for (const char* init : {"pissa", "olora", "corda", "loftq"})
    CHECK(says(changed.config({{"init_lora_weights", init}}), init, "it changes the weights of the base"));
  CHECK(message(changed.config({{"init_lora_weights", "gaussian"}})).empty());
  CHECK(says(changed.config({{"fan_in_fan_out", true}}), "fan_in_fan_out must be false for a llama, got true"));
  CHECK(says(changed.config({{"alpha_pattern", {{"layers.(0|1).*q_proj", 2}}}}), "must be the path of a module",
             "layers.(0|1).*q_proj", "write its modules out"));
  CHECK(says(changed.config({{"alpha_pattern", {{"q_proj", 2}, {"0.self_attn.q_proj", 3}}}}),
             "must give model.layers.0.self_attn.q_proj one number, got 3 and 2"));
  CHECK(says(changed.config({{"lora_alpha", 1e300}}), "must be a number that float can hold, got 1e+300"));
  CHECK(says(changed.config({{"r", 3}}), std::string(q_of_0) + " must have the rank 3", "got (2,8)"));
  CHECK(says(changed.config({{"target_modules", {"q_proj", "v_proj", "k_proj"}}}),
             "named by target_modules, but not in the file: model.layers.0.self_attn.k_proj"));
}

TEST_CASE("peft: layers_to_transform leaves out the other layers") {
  const ChangedLora changed;
  const auto all = changed.of.logits(changed.of.folder());
  const auto only = [&](const io::Json& layers) {
    const auto file = io::Safetensors::open(changed.of.folder() / "adapter_model.safetensors");
    std::map<std::string, Tensor<float>> tensors;
    for (const auto& entry : file.entries())
      if (entry.name.find(".layers.0.") != std::string::npos) tensors.emplace(entry.name, file.read<float>(entry.name));
    std::vector<io::NamedView<float>> views;
    for (const auto& [name, tensor] : tensors) views.push_back({name, tensor.view()});
    io::write_safetensors<float>(changed.folder / "adapter_model.safetensors", views);
    return changed.config({{"layers_to_transform", layers}});
  };
  CHECK(says(only(nullptr), "named by target_modules, but not in the file: model.layers.1.self_attn.q_proj"));
  const auto first = only({0})();
  CHECK(only(0)() == first);  // PEFT takes a number as well as a list
  CHECK(first != all);
  nn::Transformer<adapter::None, float, Cpu> bare(changed.of.backbone);
  CHECK(first != changed.of.logits(bare));
}

TEST_CASE("peft: modules that the configuration does not name, which PEFT leaves out, are rejected") {
  const ChangedLora changed;
  const std::string q = "model.layers.1.self_attn.q_proj", v = "model.layers.1.self_attn.v_proj";
  CHECK(says(changed.config({{"layers_to_transform", {0}}}), "layers_to_transform", "not named: " + q + ", " + v,
             "PEFT leaves them out"));
  CHECK(says(changed.config({{"layers_to_transform", 0}}), "not named: " + q + ", " + v));
  CHECK(message(changed.config({{"layers_to_transform", {1, 0}}})).empty());
  CHECK(message(changed.config({{"layers_to_transform", io::Json::array()}})).empty());
  CHECK(says(changed.config({{"layers_to_transform", {0.5}}}), "layers_to_transform must be an array of integers"));
  CHECK(says(changed.config({{"target_modules", {"q_proj"}}}), "not named: model.layers.0.self_attn.v_proj, " + v));
  CHECK(message(changed.config({{"target_modules", ".*_proj"}})).empty());  // an expression is not evaluated
}

TEST_CASE("peft: weights that do not fit are rejected, all in one message") {
  const ChangedLora changed;
  const std::string prefix = "base_model.model.model.layers.0.";
  CHECK(says(changed.weights(q_of_0, "", {1}), "without its counterpart: " + prefix + "self_attn.q_proj.lora_B"));
  CHECK(says(changed.weights("", "base_model.model.lm_head.weight", {19, 8}), "not A and B of a LoRA",
             "base_model.model.lm_head.weight"));
  CHECK(says(changed.weights("", prefix + "self_attn.q_proj.lora_magnitude_vector", {24}), "lora_magnitude_vector"));
  CHECK(says(changed.weights(q_of_0, q_of_0, {2, 7}), "model.layers.0.self_attn.q_proj maps 8 to 24",
             "the adapter 7 to 24", "load the model that it was made for"));
  CHECK(says(changed.weights(q_of_0, q_of_0, {3, 8}), "must have the rank 2", "got (3,8)"));
  CHECK(says(changed.weights(q_of_0, q_of_0, {2}), "not A and B"));

  std::filesystem::remove(changed.folder / "adapter_model.safetensors");
  const auto read = [&] { return nn::PeftLora(changed.folder.path()); };
  CHECK(says(read, "must hold adapter_model.safetensors", "got none"));
  scratch::put(changed.folder / "adapter_model.bin", "x");
  CHECK(says(read, "a pickle", "safe_serialization=True"));
}

TEST_CASE("peft: an adapter of another model is rejected") {
  const nn::PeftLora peft(peft_folder / "gpt2");
  const auto llama = Case{"llama"}.backbone, gemma = Case{"gemma"}.backbone;
  CHECK(says([&] { return peft.lora(llama->config()); }, "no projection of the model: transformer.h.0.attn.c_attn"));
  CHECK(says([&] { return nn::PeftLora(peft_folder / "phi3").lora(gemma->config()); }, "gate_up_proj"));
}

TEST_CASE("peft: a rank beyond the sides of a projection is rejected, since it would be filled up everywhere") {
  const ChangedLora changed;
  const auto wide = [&] {
    io::Json json = io::read_json(changed.of.folder() / "adapter_config.json");
    json.update({{"r", 25}, {"target_modules", {"model.layers.0.self_attn.q_proj"}}});
    io::write_json(changed.folder / "adapter_config.json", json);
    const Tensor<float> a({25, 8}), b({24, 25});
    const std::string b_name = "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight";
    io::write_safetensors<float>(changed.folder / "adapter_model.safetensors",
                                 {{q_of_0, a.view()}, {b_name, b.view()}});
    return changed.of.logits(changed.folder.path());
  };
  CHECK(says(wide, "q_proj must have a rank of at most 24, got 25"));
}

TEST_CASE("peft: nothing but LoRA is written") {
  const scratch::Folder folder;
  const auto config = models::tiny();
  adapter::WeightChanges<float> changes;
  CHECK(says([&] { nn::save_peft(folder.path(), changes, config, "x"); }, "there is no LoRA to write"));
  const Shape a{1, config.dim}, b{config.heads * config.head_width, 1};
  changes.low_rank.push_back(
      {.layer = 0, .site = adapter::Site::q, .a = Tensor<float>(a), .b = Tensor<float>(b), .scale = 1});
  changes.low_rank.back().a.data()[0] = std::numeric_limits<float>::quiet_NaN();
  changes.low_rank.back().b.data()[0] = 1;
  CHECK(says([&] { nn::save_peft(folder.path(), changes, config, "x"); }, "values must be finite to be saved"));
  changes.low_rank.clear();
  changes.units.push_back({});
  CHECK(says([&] { nn::save_peft(folder.path(), changes, config, "x"); }, "the adapter has residues"));
}
