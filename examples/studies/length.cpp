// Does the order of the methods change in longer runs?
//     length --model MODEL --original TEXT... --target TEXT... --out length
//
// 300 to 30 000 steps. In the paper's long runs residues learn more than vanilla adapters; in short ones less.
#include "neutra/program/study.hpp"

using namespace neutra;

int main(int argc, char** argv) {
  return program::study_main(argc, argv,
                             {.name = "length",
                              .question = "Does the order of the methods change in longer runs?",
                              .methods = {"neutral: residue", "adapter", "lora", "finetune"},
                              .defaults = [](study::Options& o) {
                                o.lengths = {300, 1000, 3000, 10000, 30000};
                              }});
}
