// What training did to an adapter: the singular values of its matrices, before and after.
//   inspect --model results/backbone --adapter results/runs/NAME/adapter.safetensors --html singular_values.html
// Where its gates open: a page of text whose tokens are coloured by their gates.
//   inspect --model results/backbone --adapter results/runs/NAME/adapter.safetensors --text da.txt --html gates.html
#include "neutra/program/inspect.hpp"

int main(int argc, char** argv) { return neutra::program::inspect_main<neutra::gate::All>(argc, argv); }
