// The speed of products of few rows, as in text generation.      ./few_rows [--threads N] [--rows N ...]
//
// x W^T with weights from memory: 256 MiB of them are used in turn. Compares row-major weights with packed ones. The
// result is the bandwidth at which weights are read, as a share of one pass over memory that alternates with the
// products; medians. An element has 4 bytes row-major, and 2 if packed as pairs of bf16.
#include "neutra/backend/cpu/product.hpp"

#include "roof.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <utility>
#include <vector>

using namespace neutra;

namespace {

Tensor<float> filled(const Shape& shape) {
  Tensor<float> t(shape);
  for (Index i = 0; i < t.size(); ++i) t.data()[i] = static_cast<float>(i % 13) - 6;
  return t;
}

struct Weights {
  std::vector<Tensor<float>> rows;
  std::vector<cpu::Packed<float>> packed;

  Weights(Index out, Index in, DType precision)
      : rows(static_cast<std::size_t>((Index{256} << 20) / (out * in * Index{sizeof(float)}))) {
    for (auto& one : rows) {
      one = filled({out, in});
      packed.emplace_back(Operand<float>{one.view(), true, precision});
    }
  }
};

/// Seconds per product, over all weights once.
template <class F> double average(std::size_t count, int threads, const F& product) {
  const double start = roof::seconds(threads);
  for (std::size_t i = 0; i < count; ++i) product(i);
  return (roof::seconds(threads) - start) / static_cast<double>(count);
}

void measure(Index out, Index in, Index rows, DType precision, int threads) {
  const Weights w(out, in, precision);
  const auto x = filled({rows, in});
  Tensor<float> y({rows, out});
  const Operand<float> left{x.view(), false, precision};
  std::vector<double> by_row, packed, roofs;
  for (int round = 0; round < 7; ++round) {
    roofs.push_back(roof::bandwidth<roof::Pass::read>(Index{64} << 20, threads));
    by_row.push_back(average(w.rows.size(), threads, [&](std::size_t i) {
      cpu::product<float>(left, Operand<float>{w.rows[i].view(), true, precision}, Into<float>{y.view()});
    }));
    packed.push_back(average(w.rows.size(), threads,
                             [&](std::size_t i) { cpu::product<float>(left, w.packed[i], Into<float>{y.view()}); }));
  }
  const double numbers = static_cast<double>(out * in), roof = roof::quantile(roofs, 0.5),
               slow = roof::quantile(by_row, 0.5), fast = roof::quantile(packed, 0.5);
  std::printf("%-6s %3d %6d %6d   row-major %8.1f us %4.0f %%   packed %8.1f us %4.0f %%   %4.2f times as fast\n",
              std::string(to_string(precision)).c_str(), static_cast<int>(rows), static_cast<int>(out),
              static_cast<int>(in), 1e6 * slow, 400 * numbers / slow / roof, 1e6 * fast,
              400 * numbers * static_cast<double>(size_of(precision)) / 4 / fast / roof, slow / fast);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) try {
  int threads = 2;
  std::vector<Index> counts = {1, 7};
  CLI::App app("Measure products of few rows, with row-major and with packed weights.");
  app.add_option("--threads", threads)->check(CLI::Range(1, 1024));
  app.add_option("--rows", counts, "rows of x, one or several numbers")->check(CLI::Range(1, 4096));
  CLI11_PARSE(app, argc, argv);
  omp_set_num_threads(threads);
  std::printf("%d thread(s)\n         M      N      K\n", threads);
  for (const DType precision : {DType::f32, DType::bf16})
    for (const Index rows : counts)
      for (const auto& [out, in] :
           {std::pair<Index, Index>{512, 512}, {1376, 512}, {512, 2048}, {8192, 512}, {8192, 2048}})
        measure(out, in, rows, precision, threads);
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
