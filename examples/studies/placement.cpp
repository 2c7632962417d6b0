// Where should the extra weights be placed?
//     placement --model MODEL --original TEXT... --target TEXT... --out placement
//
// Residues beside the FFN, after it and beside attention; in the lower and in the upper half of the layers, with as
// many weights; LoRA on attention, on the FFN, and on both.
#include "neutra/program/study.hpp"

using namespace neutra;

int main(int argc, char** argv) {
  return program::study_main(
      argc, argv,
      {.name = "placement",
       .question = "Where should the extra weights be placed?",
       .methods = {"adapter", "neutral: residue(placement={parallel,after,attention})",
                   "half: residue(layers={lower,upper})",
                   "ungated: residue(gate=open, penalty=none, init=he, placement={after,attention})",
                   "lora: lora(targets={q|k|v|o,gate|up|down,q|k|v|o|gate|up|down})"}});
}
