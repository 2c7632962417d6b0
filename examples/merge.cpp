// A model with an adapter in its weights: LoRA, or residues whose gate is open.
//   merge --model results/backbone --adapter results/runs/NAME/adapter.safetensors --out merged
// A LoRA for PEFT.
//   merge --model results/backbone --adapter results/runs/NAME/adapter.safetensors --to peft --out lora
#include "neutra/program/merge.hpp"

int main(int argc, char** argv) { return neutra::program::merge_main<neutra::gate::All>(argc, argv); }
