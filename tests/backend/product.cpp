// Products against three loops in double, at sizes around every block and vector width; and that the bits of an element
// depend only on its sum. Each for float, double, and float rounded to bf16.
#include "neutra/backend/cpu/product.hpp"
#include "neutra/core/random.hpp"

#include "tests/catch.hpp"

#include <omp.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

using namespace neutra;

namespace {

/// Rows with padding, filled with random numbers. In operands the padding holds NaN, to detect reads; in results it is
/// checked for writes.
template <class S> struct Matrix {
  Index rows, cols, stride;
  std::vector<S> values;

  Matrix(Index row_count, Index col_count, Index gap, std::string_view purpose)
      : rows(row_count),
        cols(col_count),
        stride(col_count + gap),
        values(static_cast<std::size_t>(rows * stride), outside()) {
    const Philox random(5, purpose);
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < cols; ++j)
        at(i, j) = static_cast<S>(random.uniform(static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(j)) - 0.5);
  }
  static S outside() { return std::numeric_limits<S>::quiet_NaN(); }
  S& at(Index i, Index j) { return values[static_cast<std::size_t>(i * stride + j)]; }
  S at(Index i, Index j) const { return values[static_cast<std::size_t>(i * stride + j)]; }
  View<S> view() { return {values.data(), Shape{rows, cols}, stride}; }
  View<const S> view() const { return {values.data(), Shape{rows, cols}, stride}; }
  bool gaps_untouched() const {
    for (Index i = 0; i < rows; ++i)
      for (Index j = cols; j < stride; ++j)
        if (!std::isnan(at(i, j))) return false;
    return true;
  }
  bool same_bits(const Matrix& other) const {
    return values.empty() || std::memcmp(values.data(), other.values.data(), values.size() * sizeof(S)) == 0;
  }
};

struct ProductCase {
  Index m, n, k;
  bool ta = false, tb = false, add = false, addend = false;
  Index gap = 0;
};

/// E: the element type, see element.hpp.
template <class E> struct Inputs {
  using S = typename E::Number;
  static constexpr DType precision = std::is_same_v<E, cpu::Bf16> ? DType::bf16 : dtype_of<S>;
  Matrix<S> a, b, c, addend;
  ProductCase spec;

  explicit Inputs(const ProductCase& s)
      : a(s.ta ? s.k : s.m, s.ta ? s.m : s.k, s.gap, "a"),
        b(s.tb ? s.n : s.k, s.tb ? s.k : s.n, 2 * s.gap, "b"),
        c(s.m, s.n, s.gap, "c"),
        addend(s.m, s.n, 3 * s.gap, "addend"),
        spec(s) {}
  Operand<S> left() const { return {a.view(), spec.ta, precision}; }
  Operand<S> right() const { return {b.view(), spec.tb, precision}; }
  View<const S> extra() const { return spec.addend ? addend.view() : View<const S>{}; }
  Matrix<S> unpacked() const {
    Matrix<S> result = c;
    cpu::product<S>(left(), right(), {result.view(), spec.add}, extra());
    return result;
  }
  Matrix<S> packed() const {
    Matrix<S> result = c;
    cpu::product<S>(left(), cpu::Packed<S>(right()), {result.view(), spec.add}, extra());
    return result;
  }
};

/// The largest error relative to the bound (K + 2) eps (sum |a b| + |c| + |addend|),
/// which any order of summation satisfies.
template <class E, class S> double worst_error(const Inputs<E>& in, const Matrix<S>& result) {
  const auto read = [](S x) {
    return Inputs<E>::precision == DType::bf16 ? double(static_cast<float>(bf16(static_cast<float>(x)))) : double(x);
  };
  const ProductCase& s = in.spec;
  double worst = 0;
  for (Index i = 0; i < s.m; ++i) {
    for (Index j = 0; j < s.n; ++j) {
      const double held = s.add ? double(in.c.at(i, j)) : 0, extra = s.addend ? double(in.addend.at(i, j)) : 0;
      double sum = held + extra, size = std::abs(held) + std::abs(extra);
      for (Index k = 0; k < s.k; ++k) {
        const double term = read(s.ta ? in.a.at(k, i) : in.a.at(i, k)) * read(s.tb ? in.b.at(j, k) : in.b.at(k, j));
        sum += term;
        size += std::abs(term);
      }
      const double error = std::abs(double(result.at(i, j)) - sum);
      const double bound = double(s.k + 2) * double(std::numeric_limits<S>::epsilon()) * size;
      if (!(error <= bound)) worst = std::max(worst, std::isnan(error) ? 1e30 : error / (bound + 1e-300));
    }
  }
  return worst;
}

template <class E> void check(const ProductCase& s) {
  CAPTURE(s.m, s.n, s.k, s.ta, s.tb, s.add, s.addend, s.gap);
  const Inputs<E> in(s);
  const auto result = in.unpacked();
  CHECK(worst_error(in, result) == 0);
  CHECK(result.gaps_untouched());
  CHECK(result.same_bits(in.packed()));
}

/// All four orientations, each with a different combination of accumulation, addend and padding, so that a grid of
/// sizes covers all combinations.
template <class E> void check_orientations(Index m, Index n, Index k) {
  Index mix = m + 3 * n + 5 * k;
  for (const bool ta : {false, true})
    for (const bool tb : {false, true}) {
      check<E>({m, n, k, ta, tb, (mix & 1) != 0, (mix & 2) != 0, (mix & 4) != 0 ? Index{3} : Index{0}});
      ++mix;
    }
}

using Float = cpu::Exact<float>;
using Double = cpu::Exact<double>;

}  // namespace

TEMPLATE_TEST_CASE("products agree with three loops", "[product]", Float, Double, cpu::Bf16) {
  SECTION("small sizes, zero and one among them") {
    for (const Index m : {0, 1, 2, 5, 13, 15})
      for (const Index n : {0, 1, 3, 16, 17, 33})
        for (const Index k : {0, 1, 2, 7, 16, 31}) check_orientations<TestType>(m, n, k);
  }
  SECTION("around the tile") {
    using Tile = cpu::Tile<typename TestType::Number>;
    for (const Index m : {Tile::rows - 1, Tile::rows, Tile::rows + 1, 2 * Tile::rows, 3 * Tile::rows + 2})
      for (const Index n : {Tile::lanes - 1, Tile::lanes, Tile::lanes + 1, Tile::width - 1, Tile::width,
                            Tile::width + 1, 9 * Tile::width + 5})
        check_orientations<TestType>(m, n, 37);
  }
  SECTION("around the blocks of the sum") {
    const Index depth = cpu::Tile<typename TestType::Number>::depth;
    for (const Index k : {depth - 1, depth, depth + 1, 2 * depth, 2 * depth + 3}) {
      check_orientations<TestType>(3, 5, k);
      check_orientations<TestType>(29, 70, k);
    }
  }
  SECTION("every mix of accumulation, addend and gaps") {
    for (int mix = 0; mix < 32; ++mix)
      check<TestType>({19, 45, cpu::Tile<typename TestType::Number>::depth + 9, (mix & 1) != 0, (mix & 2) != 0,
                       (mix & 4) != 0, (mix & 8) != 0, (mix & 16) != 0 ? Index{5} : Index{0}});
  }
  SECTION("rows that lie a multiple of 4 KiB apart") {
    check<TestType>({31, 40, 1024, false, true, true, false, 0});
    check<TestType>({31, 40, 1000, false, false, false, true, 24});
  }
  SECTION("many columns, more than one group of panels and one packing round") {
    check<TestType>({5, 40000, 600, false, false, false, true, 0});
    check<TestType>({40, 3000, 520, false, true, true, false, 0});
  }
}

TEMPLATE_TEST_CASE("an element has the same bits on 1, 2 and 3 threads", "[product]", Float, Double, cpu::Bf16) {
  const int before = omp_get_max_threads();
  for (const ProductCase& s :
       {ProductCase{200, 150, 700, false, true, true, true, 1}, ProductCase{97, 530, 64, true, false},
        ProductCase{200, 700, 1100}, ProductCase{3, 900, 300, false, true}, ProductCase{64, 33, 1100, false, false},
        ProductCase{1500, 70, 90, true, false, true}, ProductCase{1500, 40, 530, false, true}}) {
    CAPTURE(s.m, s.n, s.k);
    const Inputs<TestType> in(s);
    omp_set_num_threads(1);
    const auto alone = in.unpacked();
    for (const int threads : {2, 3}) {
      omp_set_num_threads(threads);
      CHECK(alone.same_bits(in.unpacked()));
      CHECK(alone.same_bits(in.packed()));
    }
  }
  omp_set_num_threads(before);
}

TEMPLATE_TEST_CASE("there may be more threads than columns to share out", "[product]", Float, Double, cpu::Bf16) {
  const int before = omp_get_max_threads();
  for (const ProductCase& s : {ProductCase{1, 192, 2048, true, false}, ProductCase{16, 1, 7000, true, false},
                               ProductCase{20, 16, 400, true, false}, ProductCase{29, 70, 520, true, false},
                               ProductCase{12, 16, 1024, false, true}, ProductCase{40, 35, 600, false, true}}) {
    CAPTURE(s.m, s.n, s.k);
    const Inputs<TestType> in(s);
    omp_set_num_threads(1);
    const auto alone = in.unpacked();
    for (const int threads : {2, 3, 16, 40}) {
      omp_set_num_threads(threads);
      CHECK(alone.same_bits(in.unpacked()));
      CHECK(alone.same_bits(in.packed()));
    }
  }
  omp_set_num_threads(before);
}

TEMPLATE_TEST_CASE("the bits of a row do not depend on other rows", "[product]", Float, Double, cpu::Bf16) {
  for (const bool tb : {false, true}) {
    const ProductCase s{61, 83, 700, false, tb, true, true, 2};
    const Inputs<TestType> in(s);
    const auto whole = in.unpacked();
    for (const Index count : {1, 2, 7, 14, 17, 40}) {
      for (Index first = 0; first + count <= s.m; first += 11) {
        Matrix<typename TestType::Number> part = in.c;
        cpu::product<typename TestType::Number>({in.a.view().slice(first, count), false, in.precision}, in.right(),
                                                {part.view().slice(first, count), true},
                                                in.addend.view().slice(first, count));
        CAPTURE(tb, first, count);
        CHECK(std::memcmp(&part.values[static_cast<std::size_t>(first * part.stride)],
                          &whole.values[static_cast<std::size_t>(first * part.stride)],
                          static_cast<std::size_t>(count * part.stride) * sizeof(typename TestType::Number)) == 0);
      }
    }
  }
}

TEMPLATE_TEST_CASE("the bits of a column do not depend on other columns", "[product]", Float, Double, cpu::Bf16) {
  const ProductCase s{30, 83, 300, true, true};
  const Inputs<TestType> in(s);
  const auto whole = in.unpacked();
  for (const Index count : {1, 9, 16, 33}) {
    for (Index first = 0; first + count <= s.n; first += 13) {
      Matrix<typename TestType::Number> part(s.m, count, 0, "c");
      cpu::product<typename TestType::Number>(in.left(), {in.b.view().slice(first, count), true, in.precision},
                                              {part.view()});
      bool same = true;
      for (Index i = 0; i < s.m; ++i)
        for (Index j = 0; j < count; ++j) same = same && part.at(i, j) == whole.at(i, first + j);
      CAPTURE(first, count);
      CHECK(same);
    }
  }
}

TEST_CASE("a product inside a parallel region runs there", "[product]") {
  const Inputs<Float> in(ProductCase{64, 80, 200, false, true});
  const auto alone = in.unpacked();
  int same = 0;
#pragma omp parallel num_threads(3) reduction(+ : same)
  same += alone.same_bits(in.unpacked()) && alone.same_bits(in.packed());
  CHECK(same == 3);
}

TEST_CASE("NaN and infinity stay in their rows", "[product]") {
  Inputs<Float> in(ProductCase{20, 35, 40, false, true});
  in.a.at(4, 7) = std::numeric_limits<float>::infinity();
  in.a.at(9, 0) = std::numeric_limits<float>::quiet_NaN();
  const auto result = in.unpacked();
  for (Index i = 0; i < 20; ++i)
    for (Index j = 0; j < 35; ++j) CHECK(std::isfinite(result.at(i, j)) == (i != 4 && i != 9));
}

TEST_CASE("shapes that do not agree are named", "[product]") {
  const Matrix<float> a(4, 5, 0, "a"), b(6, 7, 0, "b"), right(5, 7, 0, "b"), addend(4, 6, 0, "addend");
  Matrix<float> c(4, 7, 0, "c"), narrow(4, 6, 0, "c");
  const auto text = [](auto&& call) -> std::string {
    try {
      call();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  const auto has = [](const std::string& all, const std::string& part) { return all.find(part) != std::string::npos; };
  const auto inner = text([&] { cpu::product<float>({a.view()}, Operand<float>{b.view()}, {c.view()}); });
  CHECK((has(inner, "(4,5)") && has(inner, "(6,7)")));
  const auto packed =
      text([&] { cpu::product<float>({a.view()}, cpu::Packed<float>(Operand<float>(b.view())), {c.view()}); });
  CHECK((has(packed, "(4,5)") && has(packed, "(6,7)")));
  const auto outer = text([&] { cpu::product<float>({a.view()}, Operand<float>{right.view()}, {narrow.view()}); });
  CHECK((has(outer, "(4,7)") && has(outer, "(4,6)")));
  const auto extra =
      text([&] { cpu::product<float>({a.view()}, Operand<float>{right.view()}, {c.view()}, addend.view()); });
  CHECK((has(extra, "(4,7)") && has(extra, "(4,6)")));
  const auto mixed = text([&] {
    cpu::product<float>({a.view(), false, DType::bf16}, Operand<float>{right.view()}, {c.view()});
  });
  CHECK(has(mixed, "a in bf16 and b in float"));
  const auto mixed_packed = text([&] {
    cpu::product<float>({a.view()}, cpu::Packed<float>({right.view(), false, DType::bf16}), {c.view()});
  });
  CHECK(has(mixed_packed, "a in float and b in bf16"));
  const Matrix<double> wide(3, 3, 0, "wide");
  Matrix<double> out(3, 3, 0, "out");
  const auto doubles = text([&] {
    cpu::product<double>({wide.view(), false, DType::bf16}, Operand<double>{wide.view(), false, DType::bf16},
                         {out.view()});
  });
  CHECK(has(doubles, "numbers of double are not rounded to bf16"));
}

TEST_CASE("NaN stays NaN in bf16, and values that are too large become infinite", "[product]") {
  const float nan = std::bit_cast<float>(0x7fffffffu),
              large = std::numeric_limits<float>::max();  // both would overflow if rounded as integers
  Matrix<float> a(3, 40, 0, "a"), b(40, 33, 0, "b"), c(3, 33, 0, "c");
  a.at(0, 17) = nan;
  a.at(1, 39) = large;
  cpu::product<float>({a.view(), false, DType::bf16}, Operand<float>{b.view(), false, DType::bf16}, {c.view()});
  for (Index j = 0; j < 33; ++j) {
    CHECK(std::isnan(c.at(0, j)));
    CHECK(std::isinf(c.at(1, j)));
    CHECK(std::isfinite(c.at(2, j)));
  }
}

// With few rows, c^T = b^T a^T is computed: the rows of the addend are then columns, also in full tiles.
TEMPLATE_TEST_CASE("a bias is an addend of stride 0", "[product]", Float, Double, cpu::Bf16) {
  using S = typename TestType::Number;
  for (const Index m : {1, 3, 8, 16, 17, 32, 40})
    for (const Index n : {1, 2, 16, 37})
      for (const Index gap : {0, 3}) {
        CAPTURE(m, n, gap);
        Inputs<TestType> in({m, n, 70, false, true, false, true, gap});
        const auto product = [&](View<const S> addend, bool packed) {
          Matrix<S> result = in.c;
          if (packed)
            cpu::product<S>(in.left(), cpu::Packed<S>(in.right()), {result.view()}, addend);
          else
            cpu::product<S>(in.left(), in.right(), {result.view()}, addend);
          return result;
        };
        const View<const S> bias(in.addend.view().data, {m, n}, 0);
        const auto unpacked = product(bias, false), packed = product(bias, true);
        for (Index i = 1; i < m; ++i)
          for (Index j = 0; j < n; ++j) in.addend.at(i, j) = in.addend.at(0, j);
        const auto expected = product(in.extra(), true);
        CHECK(worst_error(in, expected) == 0);
        CHECK(unpacked.same_bits(expected));
        CHECK(packed.same_bits(expected));
      }
}

TEMPLATE_TEST_CASE("the transpose of a packed operand gives the bits of the matrix itself", "[product]", Float, Double,
                   cpu::Bf16) {
  using S = typename TestType::Number;
  const DType precision = std::is_same_v<TestType, cpu::Bf16> ? DType::bf16 : dtype_of<S>;
  for (const Index m : {1, 5, 33, 130})
    for (const Index k : {1, 2, 31, 64, 530, 1100})
      for (const Index n : {1, 15, 33, 300, 577}) {
        CAPTURE(m, k, n);
        const Matrix<S> a(m, k, 1, "a"), w(k, n, 3, "w");
        const cpu::Packed<S> packed(Operand<S>(w.view(), true, precision));  // (n,k)
        Matrix<S> expected(m, n, 2, "c"), c(m, n, 2, "c");
        const Operand<S> left(a.view(), false, precision);
        cpu::product<S>(left, Operand<S>(w.view(), false, precision), {expected.view(), true});
        cpu::product<S>(left, cpu::detail::TransposedPacked<S>{&packed}, {c.view(), true});
        CHECK(c.same_bits(expected));
        CHECK(c.gaps_untouched());
      }
}

TEST_CASE("a packed operand knows its sizes, and moves", "[product]") {
  const Matrix<double> w(6, 9, 2, "w");
  cpu::Packed<double> packed(Operand<double>{w.view(), true});
  CHECK((packed.rows() == 9 && packed.cols() == 6 && !packed.empty()));
  CHECK(cpu::Packed<double>().empty());
  Matrix<double> back(6, 9, 3, "back"), small(6, 8, 0, "small");
  packed.unpack(back.view());
  for (Index i = 0; i < 6; ++i)
    for (Index j = 0; j < 9; ++j) CHECK(back.at(i, j) == w.at(i, j));
  CHECK(back.gaps_untouched());
  packed.unpack(View<double>(back.view()).slice(0, 2), 3);
  for (Index j = 0; j < 9; ++j) CHECK((back.at(0, j) == w.at(3, j) && back.at(1, j) == w.at(4, j)));
  CHECK_THROWS_AS(packed.unpack(back.view(), 1), Error);
  CHECK_THROWS_AS(packed.unpack(small.view()), Error);
  const cpu::Packed<double> moved = std::move(packed);
  const Matrix<double> x(2, 9, 0, "x");
  Matrix<double> y(2, 6, 0, "y"), z(2, 6, 0, "y");
  cpu::product<double>({x.view()}, moved, {y.view()});
  cpu::product<double>({x.view()}, Operand<double>{w.view(), true}, {z.view()});
  CHECK(y.same_bits(z));
}
