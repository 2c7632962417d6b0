// Singular values: of matrices whose values are known, and what must hold for any matrix.
#include "neutra/core/spectrum.hpp"

#include "neutra/core/random.hpp"

#include "tests/catch.hpp"

#include <vector>

using namespace neutra;

namespace {

std::vector<float> normal(std::size_t count, std::string_view name) {
  const Philox random(1, name);
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(random.normal(0, i));
  return values;
}

}  // namespace

TEST_CASE("spectrum: a matrix of known singular values, wide and tall, and part of a wider one") {
  // 3 u v' + 1 a b' with u, a and v, b orthonormal
  const std::vector<double> w{3 * 0.6 * 0.8 - 0.8 * 0.6, 3 * 0.6 * 0.6 + 0.8 * 0.8, 9,
                              3 * 0.8 * 0.8 + 0.6 * 0.6, 3 * 0.8 * 0.6 - 0.6 * 0.8, 9};
  const auto part = spectrum(View<const double>(w.data(), Shape{2, 2}, 3));
  REQUIRE(part.values.size() == 2);
  CHECK(part.values[0] == Approx(3));
  CHECK(part.values[1] == Approx(1));
  CHECK(part.stable_rank() == Approx(10.0 / 9));
  const std::vector<float> wide{0, 2, 0, 0, 0, 0, 0, 0, -5, 0, 0, 0};
  for (const Shape& shape : {Shape{3, 4}, Shape{2, 6}, Shape{6, 2}}) {
    const auto all = spectrum(View<const float>(wide.data(), shape));
    CHECK(all.values.size() == static_cast<std::size_t>(std::min(shape.rows(), shape.cols())));
    CHECK(all.values[0] == Approx(5));
    CHECK(all.values[1] == Approx(2));
  }
}

TEST_CASE("spectrum: the squares add up to the squared norm, and the largest bounds every product") {
  const auto values = normal(17 * 40, "w"), x = normal(40, "x");
  const auto w = spectrum(View<const float>(values.data(), Shape{17, 40}));
  double norm = 0, sum = 0, product = 0, length = 0;
  for (const float v : values) norm += static_cast<double>(v) * static_cast<double>(v);
  for (const double s : w.values) sum += s * s;
  CHECK(sum == Approx(norm));
  CHECK(std::is_sorted(w.values.rbegin(), w.values.rend()));
  for (std::size_t i = 0; i < 17; ++i) {
    double y = 0;
    for (std::size_t k = 0; k < 40; ++k) y += static_cast<double>(values[i * 40 + k]) * static_cast<double>(x[k]);
    product += y * y;
  }
  for (const float v : x) length += static_cast<double>(v) * static_cast<double>(v);
  CHECK(product <= w.values[0] * w.values[0] * length);
  CHECK(w.stable_rank() == Approx(norm / (w.values[0] * w.values[0])));
}

TEST_CASE("spectrum: zeros, a row and nothing") {
  const std::vector<float> values{0, 0, 3, 0, 0, 4};
  CHECK(spectrum(View<const float>(values.data(), Shape{1, 2})).stable_rank() == 0);
  const auto row = spectrum(View<const float>(values.data(), Shape{1, 6}));
  REQUIRE(row.values.size() == 1);
  CHECK(row.values[0] == Approx(5));
  CHECK(row.stable_rank() == Approx(1));
  CHECK(spectrum(View<const float>(values.data(), Shape{0, 6})).values.empty());
}

TEST_CASE("spectrum: not a bit depends on the number of threads, and Eigen has as many as before afterwards") {
  const auto values = normal(150 * 170, "w");
  const View<const float> w(values.data(), Shape{150, 170});
  const int all = omp_get_max_threads(), eigens = Eigen::nbThreads();
  omp_set_num_threads(1);
  const auto one = spectrum(w).values;
  for (const int threads : {2, 3, 5}) {
    omp_set_num_threads(threads);
    CHECK(spectrum(w).values == one);
    CHECK(Eigen::nbThreads() == threads);
    const OneThreadOfEigen guard;
    CHECK(Eigen::nbThreads() == 1);
  }
  omp_set_num_threads(all);
  CHECK(Eigen::nbThreads() == eigens);
}
