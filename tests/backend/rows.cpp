#include "neutra/backend/cpu/cpu.hpp"

#include "neutra/testing/check_gradient.hpp"

#include "tests/catch.hpp"

#include <cmath>
#include <numeric>

using namespace neutra;

namespace {

constexpr Index sizes[] = {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 257};

template <Scalar S> using Batched = cpu::Row<S, cpu::Simd::Value<S>>;
template <Scalar S> using Single = cpu::Row<S, S>;

template <class Row, class S> void check_row(const Row& row, S) {
  for (const Index n : sizes) {
    CAPTURE(n);
    std::vector<S> x(static_cast<std::size_t>(n)), y(static_cast<std::size_t>(n) + 1, S(-7));
    std::iota(x.begin(), x.end(), S(1));
    // Integers: every order gives the same sum, so that a lane that is skipped or counted twice shows.
    CHECK(row.sum(n, [&](auto c) { return c.load(x.data()); }) == static_cast<S>(n * (n + 1) / 2));
    // Also where unused lanes of a tail hold 1.
    CHECK(row.sum(n, [](auto c) { return decltype(c.load(static_cast<const S*>(nullptr)))(S(1)); }) ==
          static_cast<S>(n));
    row.each(n, [&](auto c) { c.store(y.data(), c.load(x.data()) * S(2)); });
    for (Index i = 0; i < n; ++i) CHECK(y[static_cast<std::size_t>(i)] == static_cast<S>(2 * (i + 1)));
    CHECK(y.back() == S(-7));  // nothing is written beyond the end
    for (Index at = 0; at < n; ++at) {
      std::vector<S> z(static_cast<std::size_t>(n), S(-5));  // negative: the unused lanes of a tail must not win
      z[static_cast<std::size_t>(at)] = S(-2);
      if (row.max(n, [&](auto c) { return c.load(z.data()); }) != S(-2)) FAIL("the largest is missed at " << at);
    }
  }
  CHECK(row.max(0, [](auto c) { return c.load(static_cast<const S*>(nullptr)); }) ==
        -std::numeric_limits<S>::infinity());
  int calls = 0;
  row.once([&] { ++calls; });
  CHECK(calls == 1);
}

}  // namespace

TEST_CASE("row: sum, max, each and once over every tail") {
  check_row(Batched<float>(), 0.0f);
  check_row(Batched<double>(), 0.0);
  check_row(Single<float>(), 0.0f);
  check_row(Single<double>(), 0.0);
}

TEST_CASE("row: the order of a sum is fixed: four running batches, a tree, then the tail") {
  constexpr Index n = 150, width = Batched<float>::width;
  const auto x = testing::random_tensor<float>({n}, "x");
  std::vector<float> parts(static_cast<std::size_t>(4 * width));
  Index i = 0;
  for (; i + 4 * width <= n; i += 4 * width)
    for (Index k = 0; k < 4 * width; ++k) parts[static_cast<std::size_t>(k)] += x.data()[i + k];
  for (; i + width <= n; i += width)
    for (Index k = 0; k < width; ++k) parts[static_cast<std::size_t>(k)] += x.data()[i + k];
  const auto part = [&](Index k, Index lane) { return parts[static_cast<std::size_t>(k * width + lane)]; };
  std::vector<float> lanes;
  for (Index lane = 0; lane < width; ++lane)
    lanes.push_back((part(0, lane) + part(1, lane)) + (part(2, lane) + part(3, lane)));
  for (std::size_t half = lanes.size() / 2; half > 0; half /= 2)
    for (std::size_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  float tail = i < n ? x.data()[i] : 0;
  for (Index k = i + 1; k < n; ++k) tail += x.data()[k];
  CHECK(Batched<float>().sum(n, [&](auto c) { return c.load(x.data()); }) == (i < n ? lanes[0] + tail : lanes[0]));
}

namespace {

struct Element {
  View<const float> x;
  template <class Lanes> auto operator()(Index n, Lanes c) const { return c.load(x.row(n)); }
};

struct Mark {
  View<float> y;
  template <class Row> void operator()(Row row, Index n) const {
    row.each(y.cols(), [&](auto c) { c.store(y.row(n), c.load(y.row(n)) + static_cast<float>(n)); });
  }
};

}  // namespace

TEST_CASE("rows: every row is visited once, by one thread or several") {
  const int threads = omp_get_max_threads();
  for (const int wanted : {1, 2, 3}) {
    omp_set_num_threads(wanted);
    for (const auto& shape : {Shape{0, 5}, Shape{1, 40000}, Shape{700, 33}, Shape{5, 3}}) {
      CAPTURE(wanted, to_string(shape));
      Tensor<float> y(shape);
      Cpu::rows<float>(shape.rows(), shape.cols(), Mark{y});
      Index wrong = 0;
      for (Index n = 0; n < shape.rows(); ++n)
        for (Index c = 0; c < shape.cols(); ++c) wrong += y.view()(n, c) != static_cast<float>(n);
      CHECK(wrong == 0);
    }
  }
  omp_set_num_threads(threads);
}

TEST_CASE("column_sums: right, written or added, and of equal bits for 1, 2 and 3 threads") {
  const int threads = omp_get_max_threads();
  for (const auto& shape : {Shape{0, 5}, Shape{1, 1}, Shape{63, 7}, Shape{64, 16}, Shape{65, 33}, Shape{1000, 70}}) {
    CAPTURE(to_string(shape));
    const auto x = testing::random_tensor<float>(shape, "x");
    std::vector<std::vector<float>> results;
    for (const int wanted : {1, 2, 3}) {
      omp_set_num_threads(wanted);
      Tensor<float> sums({shape.cols()});
      std::fill_n(sums.data(), shape.cols(), 1e9f);
      Cpu::column_sums<float>(shape.rows(), shape.cols(), Element{x}, Into<float>{sums});
      results.emplace_back(sums.data(), sums.data() + shape.cols());
      Cpu::column_sums<float>(shape.rows(), shape.cols(), Element{x}, Into<float>{sums, true});
      for (Index c = 0; c < shape.cols(); ++c) CHECK(sums.data()[c] == 2 * results.back()[static_cast<std::size_t>(c)]);
    }
    CHECK(results[0] == results[1]);
    CHECK(results[0] == results[2]);
    Index wrong = 0;
    for (Index c = 0; c < shape.cols(); ++c) {
      double exact = 0;
      for (Index n = 0; n < shape.rows(); ++n) exact += static_cast<double>(x.view()(n, c));
      wrong += std::abs(exact - static_cast<double>(results[0][static_cast<std::size_t>(c)])) > 1e-4;
    }
    CHECK(wrong == 0);
  }
  omp_set_num_threads(threads);
}

TEST_CASE("sum: scaled, written or added") {
  const auto x = testing::random_tensor<float>({1000}, "x");
  double exact = 0;
  for (Index i = 0; i < 1000; ++i) exact += static_cast<double>(x.data()[i]);
  Tensor<float> total(Shape{});
  *total.data() = 100;
  Cpu::sum<float>(x, 0.5f, Into<float>{total});
  CHECK(*total.data() == Approx(exact / 2).epsilon(1e-6));
  Cpu::sum<float>(x, 0.5f, Into<float>{total, true});
  CHECK(*total.data() == Approx(exact).epsilon(1e-6));
}

namespace {

/// The largest |batch - std| / (|std| + least) over the points. Every lane holds a different point.
template <Scalar S, class F, class G>
double worst(const std::vector<double>& points, F batch_function, G exact, double least = 0) {
  using V = xsimd::batch<S>;
  constexpr std::size_t width = V::size;
  double most = 0;
  for (std::size_t first = 0; first < points.size(); first += width) {
    S in[width], out[width];
    for (std::size_t k = 0; k < width; ++k) in[k] = static_cast<S>(points[(first + k) % points.size()]);
    batch_function(V::load_unaligned(in)).store_unaligned(out);
    for (std::size_t k = 0; k < width; ++k) {
      const double want = exact(static_cast<double>(in[k])), got = static_cast<double>(out[k]);
      if (want == got) continue;
      const double error = std::abs(got - want) / (std::abs(want) + least);
      most = error <= most ? most : error;  // NaN fails
    }
  }
  return most;
}

template <Scalar S> void check_functions(double tolerance) {
  std::vector<double> wide, positive;
  for (int i = -4000; i <= 4000; ++i) {
    wide.push_back(i * 0.02);
    wide.push_back(i * 1e-5);
  }
  for (int i = -100; i <= 100; ++i) {
    positive.push_back(std::exp(i * 0.35));
    positive.push_back(1 + i * 0.009);
  }
  const double tiny = std::numeric_limits<S>::min();
  CHECK(worst<S>(
            wide, [](auto x) { return math::exp(x); }, [](double x) { return std::exp(x); }) < tolerance);
  CHECK(worst<S>(
            positive, [](auto x) { return math::log(x); }, [](double x) { return std::log(x); }, 1e-2) < tolerance);
  CHECK(worst<S>(
            positive, [](auto x) { return math::log1p(x); }, [](double x) { return std::log1p(x); }) < tolerance);
  CHECK(worst<S>(
            wide, [](auto x) { return math::tanh(x); }, [](double x) { return std::tanh(x); }) < tolerance);
  CHECK(worst<S>(
            wide, [](auto x) { return math::erf(x); }, [](double x) { return std::erf(x); }) < tolerance);
  CHECK(worst<S>(
            positive, [](auto x) { return math::sqrt(x); }, [](double x) { return std::sqrt(x); }) < tolerance);
  CHECK(worst<S>(
            wide, [](auto x) { return math::sigmoid(x); }, [](double x) { return 1 / (1 + std::exp(-x)); }, tiny) <
        tolerance);
  CHECK(worst<S>(
            wide, [](auto x) { return math::softplus(x); },
            [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }, tiny) < tolerance);
  CHECK(worst<S>(
            wide, [](auto x) { return math::abs(x); }, [](double x) { return std::abs(x); }) == 0);
  CHECK(worst<S>(
            wide, [](auto x) { return math::relu(x); }, [](double x) { return std::max(x, 0.0); }) == 0);
  CHECK(worst<S>(
            wide, [](auto x) { return math::sign(x); }, [](double x) { return x > 0   ? 1.0
                                                                              : x < 0 ? -1.0
                                                                                      : 0.0; }) ==
        0);
  CHECK(worst<S>(
            wide, [](auto x) { return math::min(x, decltype(x)(S(1))); }, [](double x) { return std::min(x, 1.0); }) ==
        0);
}

}  // namespace

TEST_CASE("math: functions of batches agree with the standard ones") {
  check_functions<double>(1e-12);
  check_functions<float>(2e-6);
}

TEST_CASE("add_rows: sums by index in the order of rows, written or added, for 1, 2 and 3 threads") {
  const int threads = omp_get_max_threads();
  const auto x = testing::random_tensor<float>({90, 33}, "x");
  std::vector<std::int32_t> index(90);
  for (std::size_t n = 0; n < index.size(); ++n) index[n] = static_cast<std::int32_t>(7 * n % 5);  // row 5 has none
  for (const bool add : {false, true})
    for (const int wanted : {1, 2, 3}) {
      omp_set_num_threads(wanted);
      Tensor<float> sums({6, 33}), expected({6, 33});
      std::fill_n(sums.data(), sums.size(), 2.0f);
      std::fill_n(expected.data(), expected.size(), add ? 2.0f : 0.0f);
      Cpu::add_rows<float>(x.view(), index.data(), Into<float>{sums.view(), add});
      for (Index n = 0; n < 90; ++n)
        for (Index c = 0; c < 33; ++c) expected.view()(index[static_cast<std::size_t>(n)], c) += x.view()(n, c);
      CHECK(std::equal(sums.data(), sums.data() + sums.size(), expected.data()));
    }
  omp_set_num_threads(threads);
}

TEST_CASE("open_rows: lists and places agree for every pattern of five rows") {
  for (int pattern = 0; pattern < 32; ++pattern) {
    float g[5];
    std::int32_t index[5], place[5];
    for (int n = 0; n < 5; ++n) g[n] = pattern >> n & 1 ? 0.5f : 0.0f;
    const Index open = Cpu::open_rows<float>(View<const float>(g, Shape{5, 1}), {}, index, place);
    Index expected = 0;
    for (int n = 0; n < 5; ++n) {
      const bool is_open = pattern >> n & 1;
      CHECK(place[n] == (is_open ? expected : -1));
      if (is_open) CHECK(index[expected++] == n);
    }
    CHECK(open == expected);
  }
}
