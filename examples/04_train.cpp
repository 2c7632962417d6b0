// How is a model extended, step by step?      ./04_train      a few seconds on two cores
//
// A training loop of your own: forward, loss, backward, update. A tiny llama is pretrained on sentences of one made-up
// language, then extended to a second one, with neutral residues while its weights are frozen, and for comparison with
// a vanilla adapter. Prints the loss on both languages (nats per letter) and the share of tokens with open gates. Both
// methods forget some of the first language, the residues less:
//     pretrained on the first       first 0.286  second 8.351
//     with residues, untrained      first 0.286 (open  47 %)  second 8.351 (open  49 %)
//     extended to the second        first 0.576 (open  66 %)  second 0.418 (open  76 %)
//     the same, vanilla adapter     first 0.628  second 0.385
#include "neutra/neutra.hpp"

#include <cstdio>
#include <string_view>
#include <vector>

using namespace neutra;

namespace {

constexpr Index batch = 16, length = 32;

/// Sequences of one language: its words in random order, one letter per token. The languages share letters but no
/// words.
struct Language {
  std::vector<std::string_view> words;
  std::uint8_t domain;
};
const Language first{{"rain ", "river ", "stone ", "winter ", "garden "}, 0},
    second{{"anri ", "vreri ", "neots ", "tenwir ", "redang "}, 1};

struct Sequences {
  std::vector<std::int32_t> inputs, targets;
  std::vector<std::uint8_t> domains;
  nn::Tokens tokens() const { return {static_cast<Index>(domains.size()), length, inputs, targets, domains}; }
};

/// Sequence i of step t is a function of (t, i). In a mix, every tenth sequence is of the first language.
Sequences draw(Index step, bool mixed, const Language& main) {
  static const Philox random(1, "letters");
  Sequences out;
  for (Index i = 0; i < batch; ++i) {
    const Language& language = mixed && (step * batch + i) % 10 == 0 ? first : main;
    std::string text(1, '^');  // begin of text
    for (std::uint64_t word = 0; static_cast<Index>(text.size()) <= length; ++word)
      text += language.words[random.bits(static_cast<std::uint64_t>(step), static_cast<std::uint64_t>(i) << 32 | word) %
                             language.words.size()];
    out.inputs.insert(out.inputs.end(), text.begin(), text.begin() + length);
    out.targets.insert(out.targets.end(), text.begin() + 1, text.begin() + length + 1);
    out.domains.push_back(language.domain);
  }
  return out;
}

/// The training loop. The library's own run makes the same calls, with files and checkpoints around them.
template <class Model>
void train(Model& model, Index steps, double rate, float alpha, bool mixed, const Language& language) {
  Tape<float, Cpu> tape;
  optim::AdamW<float, Cpu> adamw(model.parameters(), {});
  const optim::Schedule schedule{.rate = rate, .steps = steps, .warmup = steps / 20};
  for (Index step = 0; step < steps; ++step) {
    const Sequences sequences = draw(step, mixed, language);
    const auto original = std::count(sequences.domains.begin(), sequences.domains.end(), 0);
    tape.start();
    const auto losses = model.loss(tape, sequences.tokens(), {batch * length, original * length});  // forward
    tape.backward(losses.total(alpha));
    adamw.step(schedule(step), adamw.gradient_norm());  // clip and update
  }
}

/// The loss on sequences that were not trained on, and the share of open gates.
template <class Model> void show(const char* when, Model& model) {
  Tape<float, Cpu> tape;
  std::printf("%-28s", when);
  for (const Language* language : {&first, &second}) {
    adapter::Probe<float, Cpu> probe(model.config().layers);
    const Sequences sequences = draw(1 << 20, false, *language);
    tape.start(false);
    const float loss = model.loss(tape, sequences.tokens(), {batch * length, 0}, &probe).lm.item();
    double open = 0, gates = 0;
    for (const auto& layer : probe.counts(0)) {
      open += layer.open;
      gates += layer.gates;
    }
    std::printf("  %s %.3f", language == &first ? "first" : "second", static_cast<double>(loss));
    if (gates > 0) std::printf(" (open %3.0f %%)", 100 * open / gates);
  }
  std::printf("\n");
}

}  // namespace

int main() {
  const nn::Config config{.vocabulary = 128,
                          .dim = 32,
                          .ffn = 64,
                          .layers = 2,
                          .heads = 2,
                          .head_width = 16,
                          .context = length,
                          .bos = '^'};
  nn::Transformer<> pretrained(nn::Backbone<float, Cpu>::random(config, 1, {nn::Purpose::finetuning}));
  pretrained.thaw();  // pretraining: all weights are trained
  train(pretrained, 400, 3e-3, 0, false, first);
  show("pretrained on the first", pretrained);

  std::size_t next = 0;  // the trained weights become a backbone, frozen from here on
  const auto backbone = std::make_shared<const nn::Backbone<float, Cpu>>(
      config, [&](const nn::Weight&) { return pretrained.parameters()[next++]->value.clone(); });
  nn::Transformer<adapter::Residue<>> extended(backbone, {}, 1);
  show("with residues, untrained", extended);
  train(extended, 400, 3e-3, 1, true, second);
  show("extended to the second", extended);

  nn::Transformer<adapter::Residue<gate::Open, body::GatedUnit, penalty::None, init::He>> vanilla(backbone, {}, 1);
  train(vanilla, 400, 3e-3, 0, true, second);
  show("the same, vanilla adapter", vanilla);
}
