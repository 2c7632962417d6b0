// Which gate, start and loss keep a residue neutral and let it learn what an ungated one learns?
//     recipe --model MODEL --original TEXT... --target TEXT... --out recipe
//
// Step by step from the paper's residue. Context: a trained bias, so that gates start open, and an exponential mean
// over the sequence beside the logit, since which language a text is in is a property of the text; the body starts by
// He. Classifier: the gate is bounded, gathers evidence from zero, and is trained to tell the domains apart, both
// counting alike, instead of keeping the residue small. KL: divergence from the backbone on original text besides. The
// vanilla adapter is the baseline. On one seed at 1e-2 (docs/results/recipe), Danish, forgetting / learning in bits per
// byte: vanilla adapter 0.131 / 2.792, paper 0.033 / 2.657, context 0.020 / 2.722, classifier and KL 0.012 / 2.763. A
// row of 400 steps takes about 75 s on one core.
#include "neutra/program/study.hpp"

using namespace neutra;

int main(int argc, char** argv) {
  const std::string evidence =
      "residue(gate=biased(contextual(hard_sigmoid, from_zero=1)), "
      "penalty=domain_cross_entropy(original_weight=9), init=he_body, alpha=0.1";
  return program::study_main(
      argc, argv,
      {.name = "recipe",
       .question = "Which gate, start and loss keep a residue neutral and let it learn what an ungated one learns?",
       .methods = {"adapter", "paper: residue", "bias: residue(gate=biased(relu))",
                   "context: residue(gate=biased(contextual(relu)), init=he_body)", "classifier: " + evidence + ")",
                   "classifier and KL: " + evidence + ", kl=1)"}});
}
