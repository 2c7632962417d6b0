// The golden models of PyTorch and transformers on the emulated device.
#include "tests/cuda/emulated/models.hpp"

#include "neutra/adapter/lora.hpp"
#include "neutra/gate/open.hpp"

#include "tests/nn/golden_family.hpp"
#include "tests/nn/golden_run.hpp"

using namespace neutra;

TEST_CASE("emulated: golden logits, losses, gradients and steps of a llama") {
  golden_run::check_backbone<float, Cuda>();
  golden_run::check_method<float, Cuda>("neutral", adapter::Residue<>{.width = 5}, false);
  golden_run::check_method<float, Cuda>(
      "adapter", adapter::Residue<gate::Open, body::GatedUnit, penalty::None>{.width = 6}, false);
  golden_run::check_method<float, Cuda>("lora", adapter::Any<float, Cuda>(adapter::Lora{.rank = 2}), false);
  golden_run::check_method<float, Cuda>("finetune", adapter::None{}, true);
}

TEST_CASE("emulated: golden logits of every family") {
  for (const auto& name : golden_family::names()) {
    CAPTURE(name);
    const golden_family::Golden golden{name};
    const auto found = golden_family::logits<float>(golden.load<float, Cuda>(), golden.tokens());
    CHECK(golden_family::worst(found, golden.tensor<float>("logits")) < 2e-4);
    const gpu::emulated::RandomOrder random(4);
    CHECK(golden_family::logits<float>(golden.load<float, Cuda>(), golden.tokens()) == found);
  }
}
