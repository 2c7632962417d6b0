// Which gate and start keep a residue neutral and let it learn what an ungated one learns?
//     recipe --model MODEL --original TEXT... --target TEXT... --out recipe
//
// Step by step from the paper's residue: a trained bias, so that gates start open; an exponential mean over the
// sequence beside the logit, since which language a text is in is a property of the text; a start by He for the body
// alone; and a weaker local loss. The vanilla adapter is the baseline.
#include "neutra/program/study.hpp"

using namespace neutra;

int main(int argc, char** argv) {
  return program::study_main(
      argc, argv,
      {.name = "recipe",
       .question = "Which gate and start keep a residue neutral and let it learn what an ungated one learns?",
       .methods = {"adapter", "paper: residue", "bias: residue(gate=biased(relu))",
                   "context: residue(gate=contextual(relu))",
                   "bias and context: residue(gate=biased(contextual(relu)))",
                   "bias, context, He: residue(gate=biased(contextual(relu)), init=he_body)"},
       .defaults = [](study::Options& o) {
         o.alphas = {0.3, 1};
       }});
}
