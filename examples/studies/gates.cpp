// Which gate lets a residue learn most for what it forgets?
//     gates --model MODEL --original TEXT... --target TEXT... --out gates
//
// The vanilla adapter; the paper's four rows (no gate, no gate with L1, a sigmoid trained to tell the domains apart,
// ReLU with L1); then the library's other gates and a ReLU in each wrapper, each with L1. Danish, three seeds
// (docs/results/gates), forgetting / learning in bits per byte: vanilla adapter 0.133 / 2.788, none and L1 0.074
// / 2.724, sigmoid 0.069 / 2.750, ReLU 0.032 / 2.659, with context and bias 0.017 / 2.722. With two rates there are 68
// rows of 52 to 82 s on one core.
#include "neutra/program/study.hpp"

using namespace neutra;

int main(int argc, char** argv) {
  return program::study_main(
      argc, argv,
      {.name = "gates",
       .question = "Which gate lets a residue learn most for what it forgets?",
       .methods = {"adapter", "none and L1: residue(gate=open)",
                   "sigmoid and domain cross-entropy: residue(gate=sigmoid, penalty=domain_cross_entropy)",
                   "ReLU and L1: residue(gate=relu)",
                   "residue(gate={jump_relu,clipped_relu,elu,tanh,hard_sigmoid,softplus,sigmoid})",
                   "residue(gate={per_channel(relu),two_layer(relu),causal_mean(relu),biased(relu),contextual(relu)})",
                   "residue(gate=biased(contextual(relu)))"}});
}
