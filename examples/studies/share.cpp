// How much of the training text must be of the original domain?
//     share --model MODEL --original TEXT... --target TEXT... --out share
//
// The share p of original sequences from none to a half; the paper uses a tenth.
#include "neutra/program/study.hpp"

using namespace neutra;

int main(int argc, char** argv) {
  return program::study_main(argc, argv,
                             {.name = "share",
                              .question = "How much of the training text must be of the original domain?",
                              .methods = {"neutral: residue", "adapter", "lora", "finetune"},
                              .defaults = [](study::Options& o) { o.shares = {0, 0.01, 0.03, 0.1, 0.3, 0.5}; }});
}
