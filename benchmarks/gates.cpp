// The cost of a gate.      ./gates [--rounds N] [--json FILE] [--svg FILE] [options of Google Benchmark]
// Threads: OMP_NUM_THREADS. One is timed by its CPU time, so that a busy machine disturbs it least.
//
// Prints a line per gate: the time of a residue relative to one with the open gate, forward and backward, dense (no
// token skipped) and with 0, 10, 50 and 100 % of the tokens open and closed ones skipped, for gates with an exact zero.
// A gate of your own joins in a file of your own (docs/adding.md).
//
// The benchmarks, as --benchmark_format=console reports them:
//   gate/NAME/forward, backward             the gate function and its derivative, on the logits of 65536 tokens
//                                           (per channel: 128 tokens)
//   residue/NAME/dense/forward, backward    the residue with this gate, all tokens computed;
//                                           residue/open is the body without a gate
//   residue/NAME/open:Q/forward, backward   closed tokens are skipped (gates with an exact zero only);
//                                           Q percent of the tokens are open
//
// forward is inference; backward is the backward pass alone, with the gradients of the weights. per_token is the time
// per token. bytes_per_second counts the necessary traffic: logits, gates and their gradients; for a residue, its input
// and the output it is added to (read) and their sum (written), and in the backward pass their gradients. The model is
// the one that `extend` pretrains by default, with one batch and 20 % extra weights.
#include "gates.hpp"

int main(int argc, char** argv) { return gates::gates_main(argc, argv); }
