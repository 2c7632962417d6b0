// Values stored as bf16: loads and stores of rows, inputs and outputs of products.
#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/testing/check_gradient.hpp"

#include "tests/allocations.hpp"
#include "tests/catch.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

using namespace neutra;

namespace {

/// Rows of bf16 with padding of NaN, which is checked for writes and shows reads.
struct Rounded {
  Index rows, cols, stride;
  std::vector<bf16> values;

  Rounded(Index row_count, Index col_count, Index gap, std::string_view name)
      : rows(row_count),
        cols(col_count),
        stride(col_count + gap),
        values(static_cast<std::size_t>(rows * stride), outside()) {
    const auto numbers = testing::random_tensor<float>({rows, cols}, std::string(name));
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < cols; ++j) values[static_cast<std::size_t>(i * stride + j)] = bf16(numbers.view()(i, j));
  }
  static bf16 outside() { return bf16(std::numeric_limits<float>::quiet_NaN()); }
  View<bf16> view() { return {values.data(), Shape{rows, cols}, stride}; }
  View<const bf16> view() const { return {values.data(), Shape{rows, cols}, stride}; }
  bool gaps_untouched() const {
    for (Index i = 0; i < rows; ++i)
      for (Index j = cols; j < stride; ++j)
        if (!(values[static_cast<std::size_t>(i * stride + j)] == outside())) return false;
    return true;
  }
  /// The values as float.
  Tensor<float> widened() const {
    Tensor<float> all({rows, cols});
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < cols; ++j) all.view()(i, j) = static_cast<float>(view()(i, j));
    return all;
  }
};

Operand<float> operand(const Rounded& x, bool transposed) {
  const Operand<float> stored(x.view());
  return transposed ? stored.transpose() : stored;
}
Operand<float> operand(const Tensor<float>& x, bool transposed) { return {x.view(), transposed, DType::bf16}; }

bool same_bits(const Tensor<float>& a, const Tensor<float>& b) {
  return std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(float)) == 0;
}

struct RoundedCase {
  Index m, n, k;
  bool ta, tb, add, addend;
  Index gap;
};

template <class D> void check_rounded(const RoundedCase& s) {
  CAPTURE(s.m, s.n, s.k, s.ta, s.tb, s.add, s.addend, s.gap);
  const Rounded a(s.ta ? s.k : s.m, s.ta ? s.m : s.k, s.gap, "a"), b(s.tb ? s.n : s.k, s.tb ? s.k : s.n, s.gap, "b");
  const auto wide_a = a.widened(), wide_b = b.widened();
  const auto addend = testing::random_tensor<float>({s.m, s.n}, "addend");
  const View<const float> extra = s.addend ? addend.view() : View<const float>{};
  Rounded c(s.m, s.n, s.gap, "c"), packed_c = c;
  const auto into = [&](auto left, auto right) {
    auto sums = c.widened();
    D::template product<float>(left, right, Into<float>{sums, s.add}, extra);
    return sums;
  };
  // Either operand may be stored as bf16, before or after packing.
  const auto sums = into(operand(wide_a, s.ta), operand(wide_b, s.tb));
  CHECK(same_bits(into(operand(a, s.ta), operand(b, s.tb)), sums));
  CHECK(same_bits(into(operand(a, s.ta), operand(wide_b, s.tb)), sums));
  CHECK(same_bits(into(operand(wide_a, s.ta), operand(b, s.tb)), sums));
  CHECK(same_bits(into(operand(a, s.ta), typename D::template Packed<float>(operand(b, s.tb))), sums));
  // The result is rounded once, at the end. The order in which the addend and the blocks of
  // a long sum are added may differ.
  D::template product<float>(operand(a, s.ta), operand(b, s.tb), Into<bf16>{c.view(), s.add}, extra);
  D::template product<float>(operand(a, s.ta), typename D::template Packed<float>(operand(b, s.tb)),
                             Into<bf16>{packed_c.view(), s.add}, extra);
  CHECK(c.values == packed_c.values);
  CHECK(c.gaps_untouched());
  double worst = 0;
  for (Index i = 0; i < s.m; ++i)
    for (Index j = 0; j < s.n; ++j) {
      const double want = static_cast<double>(s.add ? sums.view()(i, j) : static_cast<float>(bf16(sums.view()(i, j))));
      const double error = std::abs(static_cast<double>(static_cast<float>(c.view()(i, j))) - want);
      const double allowed = s.add ? 0x1p-8 * std::abs(want) + 1e-4 : 0.0;
      worst = std::max(worst, error <= allowed ? 0.0 : error);
    }
  CHECK(worst == 0);
}

template <class D> void check_rounded_orientations(Index m, Index n, Index k) {
  for (int mix = 0; mix < 8; ++mix) {
    const Index which = m + 3 * n + 5 * k + mix;
    check_rounded<D>({m, n, k, (mix & 1) != 0, (mix & 2) != 0, (which & 4) != 0, (which & 8) != 0,
                      std::vector<Index>{0, 3, 4}[static_cast<std::size_t>(which % 3)]});
  }
}

template <class Row> void check_row(const Row& row) {
  // Every bf16, and floats with ties, the largest value, infinity and NaN.
  std::vector<bf16> every(1 << 16);
  for (std::size_t i = 0; i < every.size(); ++i) every[i].bits = static_cast<std::uint16_t>(i);
  std::vector<float> numbers(every.size()), wanted(every.size());
  row.each(static_cast<Index>(every.size()), [&](auto c) { c.store(numbers.data(), c.load(every.data())); });
  for (std::size_t i = 0; i < every.size(); ++i) wanted[i] = static_cast<float>(every[i]);
  CHECK(std::memcmp(numbers.data(), wanted.data(), numbers.size() * sizeof(float)) == 0);
  std::size_t wrong = 0;
  for (const std::uint32_t low : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) {
    std::vector<bf16> back(every.size());
    for (std::size_t i = 0; i < every.size(); ++i)
      numbers[i] = std::bit_cast<float>(static_cast<std::uint32_t>(i) << 16 | low);
    row.each(static_cast<Index>(every.size()), [&](auto c) { c.store(back.data(), c.load(numbers.data())); });
    for (std::size_t i = 0; i < every.size(); ++i) {
      if (std::abs(numbers[i]) < std::numeric_limits<float>::min()) continue;  // subnormal: zero on some machines
      wrong += std::isnan(numbers[i]) ? !std::isnan(static_cast<float>(back[i])) : !(back[i] == bf16(numbers[i]));
    }
  }
  CHECK(wrong == 0);
  for (const Index n : {1, 7, 16, 17, 31, 40}) {  // with tails
    std::vector<bf16> part(static_cast<std::size_t>(n) + 1, bf16(-7));
    row.each(n, [&](auto c) { c.store(part.data(), c.load(every.data() + 0x3f80)); });
    for (Index i = 0; i < n; ++i)
      CHECK(part[static_cast<std::size_t>(i)] == every[static_cast<std::size_t>(0x3f80 + i)]);
    CHECK(part.back() == bf16(-7));
    row.each(n, [&](auto c) {
      c.write(Into<bf16>{View<bf16>(part.data(), {1, n}), true}, 0, c.load(every.data() + 0x3f80));
    });
    for (Index i = 0; i < n; ++i)
      CHECK(static_cast<float>(part[static_cast<std::size_t>(i)]) ==
            2 * static_cast<float>(every[static_cast<std::size_t>(0x3f80 + i)]));
  }
}

}  // namespace

TEST_CASE("rounded: rows load bf16 exactly and store the nearest") {
  check_row(cpu::Row<float, cpu::Simd::Value<float>>());
  check_row(cpu::Row<float, float>());
}

TEMPLATE_TEST_CASE(
    "rounded: products of bf16 in memory have the bits of floats that are rounded, and round their results once", "",
    Cpu, ScalarCpu) {
  using Tile = cpu::Tile<float>;
  for (const Index m : {1, 2, 13, 15})
    for (const Index n : {1, 16, 17, 33})
      for (const Index k : {0, 1, 2, 30, 31, 64}) check_rounded_orientations<TestType>(m, n, k);
  for (const Index m : {Tile::rows, 3 * Tile::rows + 2})
    for (const Index n : {Tile::lanes, Tile::width - 1, 3 * Tile::width})
      check_rounded_orientations<TestType>(m, n, 38);
}

TEST_CASE("rounded: sums of several blocks are added up before they are rounded") {
  const Index block = 2 * cpu::Tile<float>::depth;
  for (const Index k : {block, block + 2, 2 * block + 7}) {
    check_rounded_orientations<Cpu>(20, 40, k);
    check_rounded<Cpu>({530, 33, k, false, true, false, false, 0});  // more rows than are accumulated at a time
  }
}

TEST_CASE("rounded: rows that collide in the first-level cache") {
  check_rounded<Cpu>({31, 40, 2048, false, true, false, false, 0});
}

TEST_CASE("rounded: equal bits for 1, 2 and 3 threads, and for one row at a time") {
  const int before = omp_get_max_threads();
  for (const Index k : {300, 1101}) {
    CAPTURE(k);
    const Rounded a(700, k, 2, "a"), b(77, k, 0, "b");
    std::vector<bf16> alone;
    for (const int threads : {1, 2, 3}) {
      omp_set_num_threads(threads);
      Rounded c(700, 77, 1, "c");
      cpu::product<float>(operand(a, false), operand(b, true), Into<bf16>{c.view()});
      if (threads == 1) alone = c.values;
      CHECK(c.values == alone);
    }
    Rounded c(700, 77, 1, "c");
    for (Index row = 0; row < 700; row += 33)
      cpu::product<float>(operand(a, false).slice(row, 1), operand(b, true), Into<bf16>{c.view().slice(row, 1)});
    std::size_t wrong = 0;
    for (Index row = 0; row < 700; row += 33)
      for (Index j = 0; j < 77; ++j) wrong += !(c.view()(row, j) == alone[static_cast<std::size_t>(row * 78 + j)]);
    CHECK(wrong == 0);
  }
  omp_set_num_threads(before);
}

TEST_CASE("rounded: columns copied as rows are the same words") {
  using cpu::detail::LeftRows;
  const auto numbers = testing::random_tensor<float>({1101, 40}, "a");
  const Rounded halves(1101, 40, 3, "a");
  const auto check = [](const auto& a, Index first, Index rows, Index k, Index depth) {
    CAPTURE(first, rows, k, depth);
    std::vector<float> columns(LeftRows<float>::copy_size + 16, -7.0f), as_rows = columns;
    const Index step = cpu::detail::copy_columns<cpu::Bf16>(a, first, rows, k, depth, columns.data());
    cpu::detail::copy_columns_as_rows<cpu::Bf16>(a, first, rows, k, depth, as_rows.data());
    std::size_t wrong = 0;
    for (Index r = 0; r < rows; ++r)
      for (Index i = 0; i < depth; ++i)
        wrong += std::bit_cast<std::uint32_t>(columns[static_cast<std::size_t>(i * step + r)]) !=
                 std::bit_cast<std::uint32_t>(as_rows[static_cast<std::size_t>(r * LeftRows<float>::copy_row + i)]);
    CHECK(wrong == 0);
    for (std::size_t i = LeftRows<float>::copy_size; i < as_rows.size(); ++i) CHECK(as_rows[i] == -7.0f);
  };
  constexpr Index most = cpu::Tile<float>::rows;
  for (const Index rows : {Index{1}, most - 1, most})
    for (const Index depth : {1, 15, 16, 17, 500, 512})
      for (const Index first : {Index{0}, 40 - rows}) {
        const Index last = cpu::detail::word_count<cpu::Bf16>(1101) - depth;  // ends with an odd number
        for (const Index k : {Index{0}, last}) {
          check(View<const float>(numbers.view()), first, rows, k, depth);
          check(halves.view(), first, rows, k, depth);
        }
      }
}

TEST_CASE("rounded: an operand may begin at any number") {
  const Rounded a(20, 40, 4, "a"), b(33, 30, 0, "b");
  const auto wide_a = a.widened(), wide_b = b.widened();
  for (const Index column : {0, 1, 3, 8}) {
    CAPTURE(column);
    Tensor<float> c({20, 33}), wanted({20, 33});
    cpu::product<float>(operand(a, false).block(0, 20, column, 30), operand(b, true), Into<float>{c});
    cpu::product<float>(operand(wide_a, false).block(0, 20, column, 30), operand(wide_b, true), Into<float>{wanted});
    CHECK(same_bits(c, wanted));
  }
}

TEST_CASE("rounded: sums of several blocks take their memory at the first product") {
  if (!allocations_counted()) return;
  const Rounded a(700, 1101, 1, "a"), b(50, 1101, 0, "b");
  Rounded c(700, 50, 0, "c");
  const cpu::Packed<float> packed(operand(b, true));
  std::size_t asked = 0;
  for (const Index rows : {9, 100, 300, 700}) {
    const auto before = allocations();
    cpu::product<float>(operand(a, false).slice(0, rows), packed, Into<bf16>{c.view().slice(0, rows)});
    if (rows > 9) asked += allocations() - before;
  }
  CHECK(asked == 0);
}

TEST_CASE("rounded: a bf16 result needs bf16 operands") {
  const auto x = testing::random_tensor<float>({3, 4}, "x"), w = testing::random_tensor<float>({5, 4}, "w");
  Rounded c(3, 5, 0, "c");
  CHECK_THROWS_AS(Cpu::product<float>(Operand<float>{x}, Operand<float>{w, true}, c.view()), Error);
  CHECK_THROWS_AS(ScalarCpu::product<float>(Operand<float>{x}, Operand<float>{w, true}, c.view()), Error);
}
