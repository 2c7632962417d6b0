// How much device memory a model holds, at inference and in training.
#include "neutra/nn/transformer.hpp"
#include "neutra/adapter/residue.hpp"

#include "tests/catch.hpp"

#include <map>

using namespace neutra;

namespace {

/// A device that counts its allocated memory.
struct Measured : Cpu {
  static inline std::map<void*, std::size_t> blocks;
  static inline bool sizes_agree = true;  // whether each block is released with the size that was allocated

  static void* allocate(std::size_t bytes) {
    void* memory = Cpu::allocate(bytes);
    blocks[memory] = bytes;
    return memory;
  }
  static void release(void* memory, std::size_t bytes) noexcept {
    if (memory) sizes_agree = sizes_agree && blocks.at(memory) == bytes;
    blocks.erase(memory);
    Cpu::release(memory, bytes);
  }
  static std::size_t held() {
    std::size_t total = 0;
    for (const auto& [memory, bytes] : blocks) total += bytes;
    return total;
  }
};

/// The memory of a new model and its tape after one step of each length, beyond that of the weights before (row-major
/// copies have been freed since, and packed weights are not in the memory of this device).
std::size_t held_after(Index first, Index last) {
  const nn::Config config{
      .vocabulary = 19, .dim = 12, .ffn = 10, .layers = 2, .heads = 2, .kv_heads = 1, .head_width = 6, .context = 256};
  const auto backbone = nn::Backbone<float, Measured>::random(config, 1);
  const std::size_t weights = Measured::held();
  nn::Transformer<adapter::None, float, Measured> model(backbone);
  Tape<float, Measured> tape;
  const std::vector<std::int32_t> tokens(static_cast<std::size_t>(last), 3);
  for (Index length = first; length <= last; ++length) {
    tape.start(false);
    model.next_logits(tape, std::span(tokens).first(static_cast<std::size_t>(length)));
  }
  return Measured::held() - weights;
}

/// The bytes of the tape of a training step, for eight layers with an adapter in each, or only in the last.
struct Lonely {
  adapter::Description describe(const adapter::Sizes&) const { return {}; }
  Index first = 0;

  template <Scalar S, Backend D> class Instance {
   public:
    Instance(const Lonely& lonely, const adapter::Sizes& sizes, std::uint64_t seed)
        : first_(lonely.first), held_(adapter::Residue<>{.width = 4}, sizes, seed) {}
    std::vector<Parameter<S, D>*> parameters() { return held_.parameters(); }
    Var<S, D> apply(adapter::Site site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>& pass) {
      return layer < first_ ? y : held_.apply(site, layer, x, y, pass);
    }

   private:
    Index first_;
    adapter::Residue<>::Instance<S, D> held_;
  };
};

double tape_of_step(Index first_adapted, bool recompute, adapter::Probe<float, Cpu>* probe = nullptr) {
  const nn::Config config{
      .vocabulary = 19, .dim = 32, .ffn = 64, .layers = 8, .heads = 2, .kv_heads = 2, .head_width = 16, .context = 64};
  nn::Transformer<Lonely, float, Cpu> model(nn::Backbone<float, Cpu>::random(config, 1), Lonely{first_adapted}, 1);
  model.recompute_layers = recompute;
  const std::vector<std::int32_t> tokens(128, 3);
  const std::vector<std::uint8_t> domains(2, 0);
  Tape<float, Cpu> tape;
  tape.start();
  const nn::Tokens batch{2, 64, tokens, tokens, domains};
  tape.backward(model.loss(tape, batch, {128, 128}, probe).total(0.1f));
  return static_cast<double>(tape.memory_held());
}

}  // namespace

TEST_CASE("transformer: recomputing layers halves the memory of a step, and stores nothing below the lowest adapter") {
  CHECK(tape_of_step(0, true) < 0.5 * tape_of_step(0, false));
  CHECK(tape_of_step(7, true) < 1.2 * tape_of_step(7, false));  // storing the inputs of seven layers would add 0.3
}

TEST_CASE("transformer: a probe records each layer once, recomputed or not") {
  for (const bool recompute : {false, true}) {
    adapter::Probe<float, Cpu> probe(8);
    tape_of_step(0, recompute, &probe);
    CHECK(probe.counts(0)[0].tokens == 128);
  }
}

TEST_CASE(
    "transformer: a text that grows by a token a step holds less than three times the memory of one step of its final "
    "length") {
  const std::size_t grown = held_after(1, 200), whole = held_after(200, 200);
  CHECK(Measured::sizes_agree);
  CAPTURE(grown, whole);
  CHECK(whole > 0);
  CHECK(grown < 3 * whole);
}
