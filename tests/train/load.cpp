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
    nn::save_adapter(folder / (name + ".safetensors"), extended.parameters(), residue.describe(sizes), sizes, nn::fingerprint(*backbone));
  };
  save("same", gate::JumpRelu{}.threshold);
  save("other", 0.25f);
  CHECK_NOTHROW(train::load_model(folder / "model", folder / "same.safetensors", small::registry()));
  CHECK(scratch::says([&] { train::load_model(folder / "model", folder / "other.safetensors", small::registry()); }, "other.safetensors",
                      "jump_relu was saved with threshold = 0.25", "this program has it with threshold = 0.1"));
}
