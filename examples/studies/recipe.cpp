// Which gate, start, loss and layers keep a residue neutral and let it learn what an ungated one learns?
//     recipe --model MODEL --original TEXT... --target TEXT... --out recipe
//
// Step by step from the paper's residue. Context: a trained bias, so that gates start open, and an exponential mean
// over the sequence beside the logit, since which language a text is in is a property of the text; the body starts by
// He. Classifier: the gate is bounded, adds up evidence from a hidden layer, and is trained to tell the domains apart,
// both counting alike, instead of keeping the residue small. Upper: with the same weights in the upper half of the
// layers, where the languages can be told apart. Evidence: divergence from the backbone on original text besides. The
// vanilla adapter, in all and in the same layers, is the baseline. Danish, three seeds (docs/results/recipe),
// forgetting / learning in bits per byte: vanilla adapter 0.133 / 2.788, in the upper half 0.146 / 2.812, paper 0.032
// / 2.659, evidence 0.012 / 2.789. A row of 400 steps takes about a minute on one core.
#include "neutra/program/study.hpp"

using namespace neutra;

int main(int argc, char** argv) {
  const std::string classifier =
      "residue(gate=biased(contextual(hard_sigmoid, sum=1, hidden=16)), "
      "penalty=domain_cross_entropy(original_weight=9), init=he_body, alpha=0.1";
  return program::study_main(
      argc, argv,
      {.name = "recipe",
       .question =
           "Which gate, start, loss and layers keep a residue neutral and let it learn what an ungated one learns?",
       .methods = {"adapter", "adapter, upper: residue(gate=open, penalty=none, init=he, layers=upper)",
                   "paper: residue", "bias: residue(gate=biased(relu))",
                   "context: residue(gate=biased(contextual(relu)), init=he_body)", "classifier: " + classifier + ")",
                   "upper: " + classifier + ", layers=upper)", "evidence"}});
}
