// Where should the extra weights stand?
//     placement --model MODEL --original TEXT... --target TEXT... --out placement
//
// Residues beside the FFN, after it and beside attention; LoRA on attention, on the FFN, and on both.
#include "neutra/program/study.hpp"

using namespace neutra;

int main(int argc, char** argv) {
  return program::study_main(
      argc, argv,
      {.name = "placement",
       .question = "Where should the extra weights stand?",
       .methods = {"adapter", "neutral: residue(placement={parallel,after,attention})",
                   "ungated: residue(gate=open, penalty=none, init=he, placement={after,attention})",
                   "lora: lora(targets={q|k|v|o,gate|up|down,q|k|v|o|gate|up|down})"}});
}
