// Matrix products as a share of the machine's multiply-add peak.
//   ./product [--threads N] [--quick] [--double | --bf16]
//
// Two tables: the products of the model that `extend` pretrains by default (with its residues and its LoRA), and those
// of larger models. The peak is a burst of fused multiply-adds in registers that alternates with the product, because
// clocks drift and machines are shared.
//   nt: y = x W^T      nn: dx = dy W      tn: dW = dy^T x
//   "packed": b is packed in advance; otherwise packing is part of the time
#include "neutra/backend/cpu/product.hpp"
#include "neutra/core/random.hpp"

#include "product_sizes.hpp"
#include "roof.hpp"

#include <omp.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>
#include <vector>

using namespace neutra;

namespace {

struct Options {
  int threads = 1;
  bool quick = false, twice = false, bf16 = false;
};

template <class S> Tensor<S> filled(Index rows, Index cols) {
  Tensor<S> t(Shape{rows, cols});
  const Philox random(1, "benchmark");
  for (Index i = 0; i < t.size(); ++i)
    t.data()[i] = static_cast<S>(random.uniform(0, static_cast<std::uint64_t>(i % 4099)) - 0.5);
  return t;
}

/// Share of the peak over rounds in which burst and product alternate: the median of the product over the upper
/// quartile of the bursts, because a burst is short and may coincide with a clock that other programs slow down.
template <class E, class F> double share_of_peak(const Options& options, double work, const F& multiply) {
  multiply();
  std::vector<double> peaks, rates;
  double total = 0;
  const double enough = options.quick ? 0.02 : 0.3;
  while (total < enough || rates.size() < 5) {
    peaks.push_back(roof::multiply_adds<E>(options.threads));
    const double start = roof::seconds(options.threads);
    multiply();
    const double time = roof::seconds(options.threads) - start;
    rates.push_back(work / time);
    total += time;
  }
  return 100 * roof::quantile(rates, 0.5) / roof::quantile(peaks, 0.75);
}

template <class E> void run(const Options& options, const char* title, const std::vector<product_sizes::Sizes>& sizes) {
  using S = typename E::Number;
  const bool bf16 = E::rounds;
  std::printf("%s: %s, %d thread(s), peak %.0f GFLOP/s; %% of peak\n%6s %6s %6s %8s %8s %8s %8s %8s\n", title,
              bf16             ? "bf16"
              : sizeof(S) == 4 ? "float"
                               : "double",
              options.threads, 2e-9 * roof::multiply_adds<E>(options.threads), "M", "N", "K", "nt", "nt pack", "nn",
              "nn pack", "tn pack");
  std::vector<double> columns[5];
  for (const auto [m, n, k] : sizes) {
    const auto x = filled<S>(m, k), w = filled<S>(n, k), dy = filled<S>(m, n);
    Tensor<S> y(Shape{m, n}), dx(Shape{m, k}), dw(Shape{n, k});
    const DType as = bf16 ? DType::bf16 : dtype_of<S>;
    const Operand<S> xs{x, false, as}, wt{w, true, as}, ws{w, false, as}, dys{dy, false, as}, dyt{dy, true, as};
    const cpu::Packed<S> forward(wt), backward(ws);
    const double work = double(m) * double(n) * double(k);
    const double row[5] = {share_of_peak<E>(options, work, [&] { cpu::product<S>(xs, forward, y.view()); }),
                           share_of_peak<E>(options, work, [&] { cpu::product<S>(xs, wt, y.view()); }),
                           share_of_peak<E>(options, work, [&] { cpu::product<S>(dys, backward, dx.view()); }),
                           share_of_peak<E>(options, work, [&] { cpu::product<S>(dys, ws, dx.view()); }),
                           share_of_peak<E>(options, work, [&] { cpu::product<S>(dyt, xs, dw.view()); })};
    std::printf("%6d %6d %6d", int(m), int(n), int(k));
    for (int i = 0; i < 5; ++i) {
      std::printf(" %8.0f", row[i]);
      columns[i].push_back(row[i]);
    }
    std::printf("\n");
    std::fflush(stdout);
  }
  std::printf("%20s", "median");
  for (const auto& column : columns) std::printf(" %8.0f", roof::quantile(column, 0.5));
  std::printf("\n%20s", "least");
  for (const auto& column : columns) std::printf(" %8.0f", *std::min_element(column.begin(), column.end()));
  std::printf("\n");
}

template <class E> void run_all(const Options& options) {
  run<E>(options, "the default model",
         product_sizes::with_rows({1024, 2048}, product_sizes::of_default_model(), options.quick));
  std::printf("\n");
  run<E>(options, "larger models",
         product_sizes::with_rows({256, 1024, 4096}, product_sizes::of_larger_models, options.quick));
}

}  // namespace

int main(int argc, char** argv) try {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--quick")
      options.quick = true;
    else if (word == "--double")
      options.twice = true;
    else if (word == "--bf16")
      options.bf16 = true;
    else if (word == "--threads" && i + 1 < argc)
      options.threads = std::max(1, std::atoi(argv[++i]));
    else {
      std::fprintf(stderr, "usage: %s [--threads N] [--quick] [--double | --bf16]\n", argv[0]);
      return 2;
    }
  }
  omp_set_num_threads(options.threads);
  if (options.bf16) {
    cpu::detail::with_element<float>(DType::bf16, [&]<class E>() { run_all<E>(options); });
    return 0;
  }
  options.twice ? run_all<roof::Double>(options) : run_all<roof::Float>(options);
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
