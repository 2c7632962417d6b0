// What recomputing layers in the backward pass saves and costs.      ./recompute (one thread)
//
// Bytes that the tape of a training step holds, and the best time of three steps,
// for neutral residues and finetuning on one batch.
#include "neutra/neutra.hpp"

#include "default_model.hpp"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>
#include <vector>

using namespace neutra;

namespace {

nn::Config config(Index vocabulary, Index dim, Index ffn, Index layers, Index heads, Index context) {
  nn::Config made{.vocabulary = vocabulary,
                  .dim = dim,
                  .ffn = ffn,
                  .layers = layers,
                  .heads = heads,
                  .kv_heads = heads,
                  .context = context,
                  .tied = true};
  made.complete();
  return made;
}

template <class A>
void measure(const char* method, const A& adapter, bool thaw, const nn::Config& config, Index sequences) {
  const auto backbone =
      nn::Backbone<float, Cpu>::random(config, 1, {thaw ? nn::Purpose::finetuning : nn::Purpose::training});
  const Index tokens = sequences * config.context;
  std::vector<std::int32_t> text(static_cast<std::size_t>(tokens));
  for (std::size_t i = 0; i < text.size(); ++i)
    text[i] = static_cast<std::int32_t>(Philox(1, "text").bits(0, i) % static_cast<std::uint64_t>(config.vocabulary));
  const std::vector<std::uint8_t> domains(static_cast<std::size_t>(sequences), 0);
  for (const bool recompute : {false, true}) {
    nn::Transformer<A> model(backbone, adapter, 1);
    if (thaw) model.thaw();
    model.recompute_layers = recompute;
    Tape<float, Cpu> tape;
    double best = std::numeric_limits<double>::infinity();
    for (int step = 0; step < 3; ++step) {
      for (auto* parameter : model.parameters()) parameter->has_gradient = false;
      const auto start = std::chrono::steady_clock::now();
      tape.start();
      tape.backward(model.loss(tape, {sequences, config.context, text, text, domains}, {tokens, tokens}).total(0.1f));
      best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    std::printf("%-9s %2d x %4d, %5d tokens, %-10s %7.1f MB %8.3f s\n", method, int(config.layers), int(config.dim),
                int(tokens), recompute ? "recomputed" : "kept", 1e-6 * static_cast<double>(tape.memory_held()), best);
  }
}

}  // namespace

int main() {
  omp_set_num_threads(1);
  const study::Options o;
  const nn::Config usual = config(o.vocabulary, o.dim, o.ffn_width(), o.layers, o.heads, o.sequence);
  measure("neutral", adapter::Residue<>{}, false, usual, o.batch);
  measure("finetune", adapter::None{}, true, usual, o.batch);
  measure("neutral", adapter::Residue<>{}, false, config(8192, 512, 1376, 8, 8, 256), 8);
}
