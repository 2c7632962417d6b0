// Continues a prompt:
//   generate --model results/backbone --adapter results/runs/NAME/adapter.safetensors --prompt "Det er" --tokens 50
#include "neutra/program/generate.hpp"

int main(int argc, char** argv) { return neutra::program::generate_main<neutra::gate::All>(argc, argv); }
