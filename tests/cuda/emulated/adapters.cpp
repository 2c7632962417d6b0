// Every adapter on the emulated device: forward pass, gradients, training steps.
#include "tests/cuda/emulated/models.hpp"

#include "neutra/adapter/any.hpp"
#include "neutra/adapter/any_list.hpp"
#include "neutra/adapter/control_llm.hpp"
#include "neutra/adapter/dora.hpp"
#include "neutra/adapter/list.hpp"
#include "neutra/adapter/llama_pro.hpp"
#include "neutra/adapter/lora.hpp"
#include "neutra/adapter/moe_lpr.hpp"
#include "neutra/adapter/oplora.hpp"

using namespace neutra;
using adapter::Lora;

namespace {

/// adapter: of any device. thaw: the backbone trains too.
template <class A> void check_adapter_on_device(const A& adapter, bool thaw = false) {
  CAPTURE(A::name, thaw);
  emulated_models::check_history([&]<class D>() {
    using Any = adapter::Any<float, D>;
    nn::Transformer<Any, float, D> model(testing::tiny_backbone<float, D>(), Any(adapter), 1);
    if (thaw) model.thaw();
    return emulated_models::history_of(model, 3);
  });
}

}  // namespace

TEST_CASE("emulated: residue, LoRA, DoRA and two adapters together") {
  check_adapter_on_device(adapter::Residue<>{.width = 3});
  check_adapter_on_device(Lora{.rank = 2});
  check_adapter_on_device(adapter::Dora{{.rank = 2}});
  check_adapter_on_device(adapter::List(Lora{.rank = 2}, adapter::Residue<>{.width = 3}));
}
TEST_CASE("emulated: finetuning, alone and with an adapter") {
  check_adapter_on_device(adapter::None{}, true);
  check_adapter_on_device(Lora{.rank = 2}, true);
}
TEST_CASE("emulated: OPLoRA, LLaMA Pro, Control LLM and MoE-LPR") {
  check_adapter_on_device(adapter::OpLora{.lora = {.rank = 2}, .top = 3});
  check_adapter_on_device(adapter::LlamaPro{.blocks = 1});
  check_adapter_on_device(adapter::ControlLlm{.blocks = 1});
  check_adapter_on_device(adapter::MoeLpr{.experts = {{3}}});
}
