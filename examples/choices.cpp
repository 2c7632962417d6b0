// Multiple choice by likelihood, adapters compared question by question, and questions made from text:
//   choices --build danish.jsonl --text danish.txt
//   choices --model results/backbone --adapter A/adapter.safetensors B/adapter.safetensors --tasks danish.jsonl
#include "neutra/program/choices.hpp"

int main(int argc, char** argv) { return neutra::program::choices_main<neutra::gate::All>(argc, argv); }
