// The main job: extend a language model with neutral residues, and compare with finetuning, LoRA and vanilla adapters,
// on your own text.
//   extend --original english.txt --target danish.txt --out results
//   extend ... --method neutral --method 'elu: residue(gate=elu, capacity={0.1,0.2})' --method 'lora(rank=8)'
// Add a gate or adapter of your own by naming it:   extend_main<neutra::gate::All, Mine>(argc, argv)
#include "neutra/program/extend.hpp"

int main(int argc, char** argv) { return neutra::program::extend_main<neutra::gate::All>(argc, argv); }
