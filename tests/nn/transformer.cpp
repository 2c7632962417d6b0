// What a model holds of a device's memory.
#include "neutra/nn/transformer.hpp"

#include "tests/catch.hpp"

#include <map>

using namespace neutra;

namespace {

/// A device that knows how much of its memory is held.
struct Measured : Cpu {
  static inline std::map<void*, std::size_t> blocks;

  static void* allocate(std::size_t bytes) {
    void* memory = Cpu::allocate(bytes);
    blocks[memory] = bytes;
    return memory;
  }
  static void release(void* memory) noexcept {
    blocks.erase(memory);
    Cpu::release(memory);
  }
  static std::size_t held() {
    std::size_t total = 0;
    for (const auto& [memory, bytes] : blocks) total += bytes;
    return total;
  }
};

/// What a fresh model and its tape hold beside the weights after these lengths, one step each.
std::size_t held_after(Index first, Index last) {
  const nn::Config config{.vocabulary = 19, .dim = 12, .ffn = 10, .layers = 2, .heads = 2, .kv_heads = 1, .head_width = 6, .context = 256};
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

}  // namespace

TEST_CASE("transformer: a text that grows by a token a step holds less than three times the memory of its whole length") {
  const std::size_t grown = held_after(1, 200), whole = held_after(200, 200);
  CAPTURE(grown, whole);
  CHECK(whole > 0);
  CHECK(grown < 3 * whole);
}
