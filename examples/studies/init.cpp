// Does an initialisation of low variance forget less than that of He or Xavier?
//     init --model MODEL --original TEXT... --target TEXT... --out init
//
// The paper's residue and the vanilla adapter with each initialisation, after 50 steps and after 400.
#include "neutra/program/study.hpp"

using namespace neutra;

int main(int argc, char** argv) {
  return program::study_main(
      argc, argv,
      {.name = "init",
       .question = "Does an initialisation of low variance forget less than that of He or Xavier?",
       .methods = {"neutral: residue(init={low_variance,he,xavier})", "adapter",
                   "ungated: residue(gate=open, penalty=none, init={low_variance,xavier})"},
       .defaults = [](study::Options& o) {
         o.lengths = {50, 400};
       }});
}
