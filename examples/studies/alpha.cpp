// How sensitive are learning and forgetting to the weight of the local loss?
//     alpha --model MODEL --original TEXT... --target TEXT... --out alpha
//
// alpha is 0, and 0.0001 to 10 in half decades. --target picks the language; run it once for each.
#include "neutra/program/study.hpp"

using namespace neutra;

int main(int argc, char** argv) {
  return program::study_main(
      argc, argv,
      {.name = "alpha",
       .question = "How sensitive are learning and forgetting to the weight of the local loss?",
       .methods = {"adapter", "neutral: residue"},
       .defaults = [](study::Options& o) { o.alphas = {0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1, 3, 10}; }});
}
