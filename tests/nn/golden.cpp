// A tiny llama with four extensions, against an independent PyTorch script (tests/golden): logits, losses, every
// gradient, ten training losses.
#include "neutra/adapter/lora.hpp"
#include "neutra/adapter/none.hpp"
#include "neutra/adapter/residue.hpp"
#include "neutra/gate/open.hpp"

#include "tests/nn/golden_run.hpp"

using namespace neutra;

TEMPLATE_TEST_CASE("golden: the backbone's logits", "", float, double) { golden_run::check_backbone<TestType, Cpu>(); }

TEMPLATE_TEST_CASE("golden: neutral residues", "", float, double) {
  golden_run::check_method<TestType, Cpu>("neutral", adapter::Residue<>{.width = 5}, false);
}

TEMPLATE_TEST_CASE("golden: neutral residues, every token computed", "", float, double) {
  golden_run::check_method<TestType, Cpu>("neutral", adapter::Residue<>{.width = 5, .skip = false}, false);
}

TEMPLATE_TEST_CASE("golden: vanilla adapter", "", float, double) {
  golden_run::check_method<TestType, Cpu>(
      "adapter", adapter::Residue<gate::Open, body::GatedUnit, penalty::None>{.width = 6}, false);
}

TEMPLATE_TEST_CASE("golden: LoRA", "", float, double) {
  adapter::Lora lora;
  lora.rank = 2;
  golden_run::check_method<TestType, Cpu>("lora", lora, false);
}

TEMPLATE_TEST_CASE("golden: finetuning", "", float, double) {
  golden_run::check_method<TestType, Cpu>("finetune", adapter::None{}, true);
}
