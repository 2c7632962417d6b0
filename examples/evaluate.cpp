// Bits per byte of a text:
//   evaluate --model results/backbone --adapter results/runs/NAME/adapter.safetensors --text danish.txt --json
#include "neutra/program/evaluate.hpp"

int main(int argc, char** argv) { return neutra::program::evaluate_main<neutra::gate::All>(argc, argv); }
