// How many extra weights does a new domain need?
//     capacity --model MODEL --original TEXT... --target TEXT... --out capacity
//
// Extra weights from 5 to 100 per cent of those of the blocks; the paper uses 20. Danish, three seeds
// (docs/results/capacity), forgetting / learning in bits per byte: neutral from 0.026 / 2.514 at 5 to 0.035 / 2.794 at
// 100 per cent, adapter from 0.129 / 2.616 to 0.155 / 2.909. With two rates there are 40 rows of one to two minutes on
// one core.
#include "neutra/program/study.hpp"

using namespace neutra;

int main(int argc, char** argv) {
  return program::study_main(
      argc, argv,
      {.name = "capacity",
       .question = "How many extra weights does a new domain need?",
       .methods = {"neutral: residue(capacity={0.05,0.1,0.2,0.5,1})",
                   "adapter: residue(gate=open, penalty=none, init=he, capacity={0.05,0.1,0.2,0.5,1})"}});
}
