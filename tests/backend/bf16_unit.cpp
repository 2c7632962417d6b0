// The layout of packed bf16 weights that are multiplied as float. The tests of products run a second time with each
// value of NEUTRA_BF16_UNIT (tests/CMakeLists.txt), which tests the results of each unit.
#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/testing/check_gradient.hpp"

#include "tests/catch.hpp"

#include <bit>
#include <vector>

using namespace neutra;

namespace {

constexpr Index panel = cpu::Tile<float>::width;

}  // namespace

TEST_CASE("bf16 unit: a panel held as pairs of columns has half the words and the same numbers") {
  constexpr Index steps = 5;
  std::vector<float> words(static_cast<std::size_t>(steps * panel)), again(words.size()), pairs(words.size() / 2);
  for (std::size_t i = 0; i < words.size(); ++i)
    words[i] = static_cast<float>(bf16(0.37f * static_cast<float>(i) - 11));
  cpu::ColumnPairs::pair(words.data(), steps, pairs.data());
  cpu::ColumnPairs::widen(pairs.data(), steps, again.data());
  CHECK(again == words);
  for (Index k = 0; k < steps; ++k)
    for (Index j = 0; j < panel; ++j)
      CHECK(cpu::ColumnPairs::number(pairs.data(), k, j) == words[static_cast<std::size_t>(k * panel + j)]);
}

TEST_CASE("bf16 unit: a range of panels is widened, block by block") {
  const Index columns = 3 * panel, rows = 2 * cpu::Tile<float>::depth + 7;
  const auto b = testing::random_tensor<float>({rows, columns}, "b");
  const Operand<float> operand{b.view(), false, DType::bf16};
  const cpu::detail::Blocks<float> blocks{rows};
  std::vector<float> stored(static_cast<std::size_t>(rows * columns / 2)),
      widened(static_cast<std::size_t>(rows * 2 * panel));
  cpu::detail::pack_stored<cpu::WidenedBf16>(operand, stored.data());
  cpu::detail::widen_panels({stored.data(), columns}, blocks, 1, 2, widened.data());
  std::size_t wrong = 0;
  for (Index block = 0; block < blocks.count; ++block) {
    const Index begin = blocks.begin(block), depth = blocks.begin(block + 1) - begin;
    for (Index k = 0; k < depth; ++k)
      for (Index j = 0; j < 2 * panel; ++j) {
        const Index at = (begin * 2 + j / panel * depth + k) * panel + j % panel;
        wrong += widened[static_cast<std::size_t>(at)] != static_cast<float>(bf16(b.view()(begin + k, panel + j)));
      }
  }
  CHECK(wrong == 0);
}

TEST_CASE("bf16 unit: the one of this process does not change, and has a name") {
  const auto unit = cpu::bf16_unit();
  CHECK(cpu::bf16_unit() == unit);
  CHECK(Cpu::matmul_units(DType::bf16).at("bf16_unit") == to_string(unit));
  CHECK(Cpu::matmul_units(DType::f32).empty());
  CHECK(ScalarCpu::matmul_units(DType::bf16).empty());
  CHECK((to_string(unit) == "widened" || to_string(unit) == "dot_product" || to_string(unit) == "tile_registers"));
  if (std::is_same_v<cpu::Bf16, cpu::WidenedBf16>) CHECK(unit == cpu::Bf16Unit::widened);
}
