// How does each method trade forgetting for learning as its rate grows?
//     rates --model MODEL --original TEXT... --target TEXT... --out rates
//
// The curve of every method over its learning rate, with every seed: the first figure of the paper.
#include "neutra/program/study.hpp"

using namespace neutra;

int main(int argc, char** argv) {
  return program::study_main(argc, argv,
                             {.name = "rates",
                              .question = "How does each method trade forgetting for learning as its rate grows?",
                              .methods = {"neutral: residue", "adapter", "lora", "finetune"},
                              .defaults = [](study::Options& o) {
                                o.whole_curve = true;
                                o.adapter_rates = {5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2};
                                o.model_rates = {1e-4, 3e-4, 1e-3, 3e-3};
                              }});
}
