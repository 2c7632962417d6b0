// A LoRA in the layout of PEFT in place of an adapter file.
#include "neutra/train/saved_adapter.hpp"
#include "neutra/nn/save_peft.hpp"
#include "neutra/train/load.hpp"

#include "tests/io/scratch.hpp"
#include "tests/nn/models.hpp"

using namespace neutra;

namespace {

std::vector<float> logits(train::Model& model) {
  const std::vector<std::int32_t> tokens = {1, 2, 3};
  Tape<float, Cpu> tape;
  tape.start(false);
  const auto value = model.next_logits(tape, tokens).value();
  return {value.data, value.data + value.shape.size()};
}

}  // namespace

TEST_CASE("a LoRA in the layout of PEFT is loaded as any adapter, by its folder or its file", "[train]") {
  const scratch::Folder folder;
  nn::Config config = models::tiny();
  config.vocabulary = 259;
  nn::save_model(folder / "model", *models::random(config), {{"neutra_tokenizer", "byte"}});
  const auto backbone = nn::load_model<float, Cpu>(folder / "model");
  adapter::Lora lora{.scale = 0.5};
  lora.rank = 2;
  train::Model extended(backbone, lora), bare(backbone, adapter::None{});
  for (auto* parameter : extended.parameters())
    for (Index i = 0; i < parameter->value.size(); ++i)
      parameter->value.data()[i] = 0.05f * static_cast<float>(i % 7 - 3);
  nn::save_peft(folder / "lora", extended.adapter().weight_changes(), config, "model");

  const adapter::Registry registry;
  const auto right = logits(extended);
  CHECK(right != logits(bare));
  scratch::put(folder / "lora.json", "{}");  // of another adapter, beside the folder
  for (const char* name : {"lora", "lora/adapter_model.safetensors"})
    CHECK(logits(*train::load_model(folder / "model", folder / name, registry).model) == right);
  const auto saved = train::saved_adapter(folder / "lora", registry);
  train::Model fixed(backbone, train::load_fixed(saved, backbone, {}));
  CHECK(logits(fixed) == right);
  const std::string identity = saved.sha256();
  io::Json json = io::read_json(folder / "lora/adapter_config.json");
  json["lora_alpha"] = 7;
  io::write_json(folder / "lora/adapter_config.json", json);
  CHECK(train::saved_adapter(folder / "lora", registry).sha256() != identity);

  CHECK(scratch::says([&] { train::saved_adapter(folder / "none.safetensors", registry); },
                      "none.safetensors: there is no such file; check the path"));
  std::filesystem::rename(folder / "lora/adapter_model.safetensors", folder / "lora/adapters.safetensors");
  CHECK(scratch::says([&] { train::saved_adapter(folder / "lora", registry); }, "got one of mlx-lm", "mlx_lm.fuse"));
}
