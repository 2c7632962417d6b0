// Which local loss keeps a residue neutral at the least cost in learning?
//     penalties --model MODEL --original TEXT... --target TEXT... --out penalties
//
// Every penalty of the library behind the paper's ReLU gate, each at three alphas, since their scales differ.
#include "neutra/program/study.hpp"

using namespace neutra;

int main(int argc, char** argv) {
  return program::study_main(argc, argv,
                             {.name = "penalties",
                              .question = "Which local loss keeps a residue neutral at the least cost in learning?",
                              .methods = {"adapter", "none: residue(penalty=none)",
                                          "penalty: residue(penalty={l1,l2,group_lasso,gate_l1,hoyer,relative})"},
                              .defaults = [](study::Options& o) {
                                o.alphas = {0.1, 1, 10};
                              }});
}
