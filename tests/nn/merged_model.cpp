// Models with an adapter in their weights: the same logits, the types of the base's files, and what cannot be merged.
#include "neutra/nn/merged_model.hpp"

#include "neutra/adapter/control_llm.hpp"
#include "neutra/adapter/dora.hpp"
#include "neutra/adapter/list.hpp"
#include "neutra/adapter/llama_pro.hpp"
#include "neutra/adapter/moe_lpr.hpp"
#include "neutra/adapter/oplora.hpp"
#include "neutra/adapter/residue.hpp"
#include "neutra/body/bottleneck.hpp"
#include "neutra/gate/open.hpp"

#include "tests/nn/golden_family.hpp"
#include "tests/nn/models.hpp"

using namespace neutra;
using adapter::Site;
using golden_family::Golden;
using scratch::says;

namespace {

using Open = adapter::Residue<gate::Open, body::GatedUnit, penalty::None>;
template <class A> using Model = nn::Transformer<A, float, Cpu>;

/// Values as after training, when no matrix is zero.
template <class A> void train(Model<A>& model) {
  for (auto* parameter : model.parameters())
    for (Index i = 0; i < parameter->value.size(); ++i)
      parameter->value.data()[i] = 0.1f * static_cast<float>((i * 7 + parameter->value.size()) % 11 - 5);
}

double apart(const std::vector<float>& a, const std::vector<float>& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, static_cast<double>(std::abs(a[i] - b[i])));
  return most;
}

/// The largest difference between the logits of a model and of its merged folder; -1 if the adapter changes nothing.
template <class A> double merged_apart(const Golden& golden, const A& adapter, const io::Path& folder) {
  const auto backbone = golden.load();
  Model<A> model(backbone, adapter, 3);
  train(model);
  nn::save_merged(folder, *backbone, model.adapter().weight_changes(), golden.made.path());
  const auto ours = golden_family::logits_of(model, golden.tokens());
  if (apart(ours, golden_family::logits<float>(backbone, golden.tokens())) < 0.01) return -1;
  return apart(ours, golden_family::logits<float>(nn::load_model<float, Cpu>(folder), golden.tokens()));
}
bool close(double difference) { return difference >= 0 && difference < 2e-4; }

adapter::Lora lora(Index rank, std::vector<Site> sites) {
  adapter::Lora made{.sites = std::move(sites), .scale = 0.5};
  made.rank = rank;
  return made;
}
template <class A> auto changes_of(const A& adapter) {
  return [adapter] {
    Model<A> model(models::random(), adapter);
    return model.adapter().weight_changes();
  };
}

}  // namespace

TEST_CASE("merge: LoRA in the weights gives the same logits in every family") {
  for (const char* name : {"llama_bias", "gemma", "phi3", "qwen3", "olmo2", "smollm3"}) {
    CAPTURE(name);
    const scratch::Folder folder;
    CHECK(
        close(merged_apart(Golden{name}, lora(2, {Site::q, Site::v, Site::o, Site::gate, Site::down}), folder.path())));
  }
  const scratch::Folder folder;
  adapter::OpLora op{.top = 2};
  op.lora.rank = 2;
  CHECK(close(merged_apart(Golden{"llama_bias"}, op, folder.path())));
}

TEST_CASE("merge: an open residue is a wider FFN, in every family with SiLU, also beside LoRA") {
  for (const char* name : {"llama_bias", "mistral", "phi3", "qwen2", "smollm3"}) {
    CAPTURE(name);
    const scratch::Folder folder;
    const Golden golden{name};
    using Both = adapter::List<adapter::Lora, Open, Open>;
    CHECK(close(merged_apart(golden, Open{.width = 3}, folder.path())));
    CHECK(nn::load_model<float, Cpu>(folder.path())->config().ffn == 13);
    CHECK(io::read_json(folder / "config.json").at("intermediate_size") == 13);
    CHECK(close(merged_apart(golden, Both(lora(2, {Site::gate, Site::down}), Open{.width = 3}, Open{.width = 1}),
                             folder.path())));
    CHECK(nn::load_model<float, Cpu>(folder.path())->config().ffn == 14);
  }
}

TEST_CASE("merge: tensors keep the types of the base's files, and those without a change their bits") {
  const scratch::Folder base, merged;
  const auto random = models::random();
  nn::save_model(base.path(), *random, {{"kept", 7}});
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
  const auto backbone = nn::load_model<float, Cpu>(base.path());
  Model<adapter::Lora> model(backbone, lora(2, {Site::k, Site::up}));
  train(model);
  nn::save_merged(merged.path(), *backbone, model.adapter().weight_changes(), base.path());
  CHECK(io::read_json(merged / "config.json").at("torch_dtype") == "bfloat16");
  CHECK(io::read_json(merged / "config.json").at("kept") == 7);
  const auto before = io::Safetensors::open(base / "model.safetensors");
  const auto after = io::Safetensors::open(merged / "model.safetensors");
  for (const auto& entry : before.entries()) {
    CAPTURE(entry.name);
    CHECK(after.entry(entry.name).dtype == entry.dtype);
    const bool changed =
        entry.name.find("k_proj") != std::string::npos || entry.name.find("up_proj") != std::string::npos;
    CHECK(models::same_bits<float>(before.read<float>(entry.name), after.read<float>(entry.name)) != changed);
  }
}

TEST_CASE("merge: a model of another file than a folder is written in float") {
  const Golden golden{"llama_bias"};
  const auto backbone = golden.load();
  const scratch::Folder folder;
  nn::save_merged<float>(folder / "merged", *backbone, {}, folder / "model.gguf");
  CHECK(models::same(*nn::load_model<float, Cpu>(folder / "merged"), *backbone));
}

TEST_CASE("merge: values beyond the type of the base are rejected, and nothing is left behind") {
  const scratch::Folder base, merged;
  const auto random = models::random();
  nn::save_model(base.path(), *random);
  std::vector<io::TensorSource> tensors;
  for (const auto& weight : random->weights())
    tensors.push_back({weight.name, io::dtype_of<f16>(), weight.shape(), [&](io::OutputFile& file) {
                         io::write_elements<float>(file, weight.name, weight.copy(), io::dtype_of<f16>());
                       }});
  io::write_safetensors(base / "model.safetensors", tensors);
  const auto backbone = nn::load_model<float, Cpu>(base.path());
  adapter::Lora large = lora(2, {Site::k});
  large.scale = 1e6;
  Model<adapter::Lora> model(backbone, large);
  train(model);
  CHECK(says([&] { nn::save_merged(merged.path(), *backbone, model.adapter().weight_changes(), base.path()); },
             "k_proj", "values must be finite as F16 to be saved, got -160000", "save it in a wider type"));
  CHECK(merged.count() == 0);
}

TEST_CASE("merge: adapters that no weights express say why, all in one message") {
  using After = adapter::Residue<gate::Relu, body::Bottleneck>;
  CHECK(says(changes_of(After{.placement = adapter::Placement::after, .width = 2}),
             "its gate, relu, depends on the token", "must be parallel to the FFN, got after",
             "must be gated_unit, as an FFN is, got bottleneck"));
  CHECK(message(changes_of(Open{.width = 2})).empty());
  CHECK(says(changes_of(adapter::Dora{}), "dora: it scales each row"));
  CHECK(says(changes_of(adapter::LlamaPro{.blocks = 1}), "llama_pro: it adds layers"));
  CHECK(says(changes_of(adapter::ControlLlm{.blocks = 1}), "control_llm: it mixes the outputs"));
  CHECK(says(changes_of(adapter::MoeLpr{}), "moe_lpr: its router chooses"));
  using Mixed = adapter::List<adapter::Lora, After>;
  CHECK(says(changes_of(Mixed(lora(1, {Site::q}), After{.width = 1})), "residue: only one that is a part"));

  const scratch::Folder folder;
  const auto merge = [&](const char* name, const Open& residue) {
    return [&, name, residue] { merged_apart(Golden{name}, residue, folder.path()); };
  };
  CHECK(says(merge("gemma", {.width = 2}), "the FFN of this gemma is no gated unit with SiLU"));
  CHECK(says(merge("olmo2", {.width = 2}), "the FFN of this olmo2"));
  CHECK(says(merge("llama_bias", {.layers = {adapter::Layers::Part::upper}, .width = 2}),
             "layer 0 would get 0, layer 1 2", "intermediate_size"));
}

TEST_CASE("merge: float rounds to half precision to nearest, ties to even") {
  for (const auto& [value, bits] : {std::pair{1.0f, 0x3c00},
                                    {-2.5f, 0xc100},
                                    {65504.0f, 0x7bff},
                                    {65519.0f, 0x7bff},
                                    {65520.0f, 0x7c00},
                                    {0x1p-24f, 0x0001},
                                    {0x1p-25f, 0x0000},
                                    {0x1.8p-25f, 0x0001},
                                    {1.0f + 0x1p-11f, 0x3c00},
                                    {1.0f + 0x1.8p-10f, 0x3c02},
                                    {0x1.ff8p-15f, 0x03ff},
                                    {0x1.ffep-15f, 0x0400},
                                    {0.0f, 0},
                                    {-0.0f, 0x8000}}) {
    CAPTURE(value);
    CHECK(f16(value).bits == bits);
  }
  for (unsigned bits = 0; bits < 0x7c00u; ++bits) {
    f16 half;
    half.bits = static_cast<std::uint16_t>(bits);
    if (f16(static_cast<float>(half)) != half) FAIL("bits " << bits);
  }
}
