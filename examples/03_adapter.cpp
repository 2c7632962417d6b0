// What does an adapter add to a model, and when does it start to matter?      ./03_adapter      under ten seconds
//
// Adapters are attached to a shared, frozen backbone. Each gets a tenth and then a fifth of the weights of the
// backbone's blocks. None changes a single bit of the model's output at the start; then each trains for thirty steps on
// one batch of two domains. Prints for each: width or rank; extra weights and their share; whether the logits at the
// start equal the backbone's bit for bit; the loss before and after; and the share of tokens with an open gate (all
// tokens if no gate has an exact zero).
#include "neutra/neutra.hpp"

#include <cstdio>
#include <cstring>

using namespace neutra;

namespace {

using Chosen = adapter::Any<float, Cpu>;  // one type for adapters that are chosen at run time
using Model = nn::Transformer<Chosen>;

constexpr Index sequences = 4, length = 24, words = 50;

struct Batch {
  std::vector<std::int32_t> inputs, targets;
  std::vector<std::uint8_t> domains{0, 1, 1, 1};  // 0 original, 1 target

  Batch() {
    const Philox random(3, "text");
    for (std::uint64_t i = 0; i < sequences * length; ++i) {
      inputs.push_back(static_cast<std::int32_t>(random.uniform(0, i) * words));
      targets.push_back((inputs.back() * 7 + 3) % words);  // something that can be learned
    }
  }
  nn::Tokens tokens() const { return {sequences, length, inputs, targets, domains}; }
};

std::vector<float> logits(Model& model, const Batch& batch) {
  Tape<float, Cpu> tape;
  tape.start(false);
  const auto scores = model.logits(tape, batch.tokens()).value();
  return {scores.data, scores.data + scores.size()};
}

/// Thirty steps: forward, loss, backward, update. Returns the loss before the first and before the last.
std::pair<float, float> train(Model& model, const Batch& batch) {
  optim::AdamW<float, Cpu> adamw(model.parameters(), {});
  Tape<float, Cpu> tape;
  std::pair<float, float> losses;
  for (int step = 0; step < 30; ++step) {
    tape.start();
    const auto loss =
        model.loss(tape, batch.tokens(), {sequences * length, length});  // one of the sequences is original
    (step == 0 ? losses.first : losses.second) = loss.lm.item();
    tape.backward(loss.total(0.01f));
    adamw.step(5e-3, adamw.gradient_norm());
  }
  return losses;
}

double open_share(Model& model, const Batch& batch) {
  adapter::Probe<float, Cpu> probe(model.config().layers);
  Tape<float, Cpu> tape;
  tape.start(false);
  model.loss(tape, batch.tokens(), {sequences * length, length}, &probe);
  double open = 0, gates = 0;
  for (const auto& layer : probe.counts(0)) {
    open += layer.open;
    gates += layer.gates;
  }
  return gates > 0 ? open / gates : 1;
}

}  // namespace

int main() {
  const nn::Config config{.vocabulary = words, .dim = 48, .ffn = 128, .layers = 3, .heads = 4, .context = length};
  const auto backbone = nn::Backbone<float, Cpu>::random(config, 1);
  const adapter::Sizes sizes = backbone->config().sizes();
  const Batch batch;
  Model bare(backbone, adapter::None{});
  const auto expected = logits(bare, batch);

  using Vanilla = adapter::Residue<gate::Open, body::GatedUnit, penalty::None, init::He>;
  std::printf("%-9s %8s %6s %8s %7s %10s %8s %8s %6s\n", "adapter", "capacity", "size", "weights", "share", "start",
              "loss", "after", "open");
  bool equal = true;
  for (const double capacity : {0.1, 0.2}) {
    adapter::Lora lora;
    lora.capacity = capacity;
    const std::pair<const char*, Chosen> adapters[] = {{"neutral", adapter::Residue<>{.capacity = capacity}},
                                                       {"vanilla", Vanilla{.capacity = capacity}},
                                                       {"lora", lora}};
    for (const auto& [name, adapter] : adapters) {
      Model model(backbone, adapter, 1);
      const auto said = adapter.describe(sizes);
      const Setting units = said.settings.at(said.settings.contains("rank") ? "rank" : "width");
      const auto start = logits(model, batch);
      const bool same = std::memcmp(start.data(), expected.data(), start.size() * sizeof(float)) == 0;
      equal = equal && same;
      const auto [before, after] = train(model, batch);
      std::printf("%-9s %8.2f %6d %8d %6.1f%% %10s %8.4f %8.4f %5.0f%%\n", name, capacity,
                  static_cast<int>(std::get<Index>(units)), static_cast<int>(said.weights),
                  100.0 * static_cast<double>(said.weights) / static_cast<double>(sizes.block_weights()),
                  same ? "same bits" : "differs", before, after, 100 * open_share(model, batch));
    }
  }
  return equal ? 0 : 1;
}
