// Matrix products compared with OpenBLAS and oneDNN.      ./peer_product [--threads N] [--bf16] [--quick]
//
// The thirty sizes of larger models of benchmarks/product. For each orientation: the share of the multiply-add peak
// that this library reaches, and its speed relative to the fastest other one,
// all timed in alternation with a burst at the peak.
//   nt: y = x W^T      nn: dx = dy W      tn: dW = dy^T x
//   "packed": the weight is packed in advance, in oneDNN with format_tag::any
// In bf16, oneDNN reads values that were rounded before the clock started; this library rounds them itself.
#include "../product_sizes.hpp"
#include "../roof.hpp"

#include "neutra/backend/cpu/product.hpp"
#include "neutra/core/random.hpp"

#include <cblas.h>
#include <CLI/CLI.hpp>
#include <dnnl.hpp>

#include <cstdio>
#include <functional>
#include <memory>
#include <unordered_map>

using namespace neutra;

namespace {

using Tag = dnnl::memory::format_tag;
using Type = dnnl::memory::data_type;

const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
dnnl::stream stream(engine);

Tensor<float> filled(Index rows, Index cols) {
  Tensor<float> t(Shape{rows, cols});
  const Philox random(1, "benchmark");
  for (Index i = 0; i < t.size(); ++i)
    t.data()[i] = static_cast<float>(random.uniform(0, static_cast<std::uint64_t>(i % 4099)) - 0.5);
  return t;
}

/// c = a b as a oneDNN primitive, with operands of `type` and, if `packed`, b in oneDNN's preferred layout.
std::function<void()> onednn(const Operand<float>& a, const Operand<float>& b, View<float> c, Type type, bool packed) {
  const auto described = [](const Operand<float>& x, Type as) {
    const dnnl::memory::dims sizes{x.rows(), x.cols()};
    return dnnl::memory::desc(
        sizes, as, x.transposed ? dnnl::memory::dims{1, x.view.stride} : dnnl::memory::dims{x.view.stride, 1});
  };
  const auto in_memory = [&](const Operand<float>& x, const dnnl::memory::desc& wanted) {
    dnnl::memory plain(described(x, Type::f32), engine, const_cast<float*>(x.view.as<float>().data));
    if (wanted == plain.get_desc()) return plain;
    dnnl::memory made(wanted, engine);
    dnnl::reorder(plain, made).execute(stream, plain, made);
    stream.wait();
    return made;
  };
  const auto b_any = dnnl::memory::desc({b.rows(), b.cols()}, type, Tag::any);
  const dnnl::memory::desc out({c.rows(), c.cols()}, Type::f32, Tag::ab);
  const dnnl::matmul::primitive_desc made(
      dnnl::matmul::desc(described(a, type), packed ? b_any : described(b, type), out), engine);
  const std::unordered_map<int, dnnl::memory> arguments{{DNNL_ARG_SRC, in_memory(a, made.src_desc())},
                                                        {DNNL_ARG_WEIGHTS, in_memory(b, made.weights_desc())},
                                                        {DNNL_ARG_DST, dnnl::memory(out, engine, c.data)}};
  return [multiply = dnnl::matmul(made), arguments] {
    multiply.execute(stream, arguments);
    stream.wait();
  };
}

std::function<void()> openblas(const Operand<float>& a, const Operand<float>& b, View<float> c) {
  return [=] {
    cblas_sgemm(CblasRowMajor, a.transposed ? CblasTrans : CblasNoTrans, b.transposed ? CblasTrans : CblasNoTrans,
                static_cast<int>(c.rows()), static_cast<int>(c.cols()), static_cast<int>(a.cols()), 1.0f,
                a.view.as<float>().data, static_cast<int>(a.view.stride), b.view.as<float>().data,
                static_cast<int>(b.view.stride), 0.0f, c.data, static_cast<int>(c.stride));
  };
}

struct Asked {
  int threads = 2;
  bool bf16 = false, quick = false;
};

struct Outcome {
  double share, ratio;  // share: of the peak, in percent; ratio: to the fastest other library
};

/// The programs, this library's first: medians over rounds in which all take turns.
Outcome compare(const Asked& settings, double work, const std::vector<std::function<void()>>& programs) {
  for (const auto& multiply : programs) multiply();
  std::vector<double> peaks;
  std::vector<std::vector<double>> seconds(programs.size());
  double total = 0;
  for (const double enough = settings.quick ? 0.03 : 0.25; total < enough || peaks.size() < 5;) {
    peaks.push_back(roof::multiply_adds(settings.bf16, settings.threads));
    for (std::size_t i = 0; i < programs.size(); ++i) {
      const double start = roof::seconds(settings.threads);
      programs[i]();
      seconds[i].push_back(roof::seconds(settings.threads) - start);
    }
    total += seconds[0].back();
  }
  double best = 1e30;
  for (std::size_t i = 1; i < programs.size(); ++i) best = std::min(best, roof::quantile(seconds[i], 0.5));
  const double own = roof::quantile(seconds[0], 0.5);
  return {100 * work / own / roof::quantile(peaks, 0.75), best / own};
}

/// One orientation, with a packed b if `packed`.
Outcome way(const Asked& settings, Operand<float> a, Operand<float> b, View<float> c, bool packed) {
  a.precision = b.precision = settings.bf16 ? DType::bf16 : DType::f32;
  const Type type = settings.bf16 ? Type::bf16 : Type::f32;
  std::vector<std::function<void()>> programs;
  std::shared_ptr<cpu::Packed<float>> panels;
  if (packed) {
    panels = std::make_shared<cpu::Packed<float>>(b);
    programs.push_back([=] { cpu::product<float>(a, *panels, {c}); });
  } else {
    programs.push_back([=] { cpu::product<float>(a, b, {c}); });
    if (!settings.bf16) programs.push_back(openblas(a, b, c));
  }
  programs.push_back(onednn(a, b, c, type, packed));
  return compare(settings, double(a.rows()) * double(a.cols()) * double(b.cols()), programs);
}

}  // namespace

int main(int argc, char** argv) try {
  Asked settings;
  CLI::App app("Compare matrix products with OpenBLAS and oneDNN.");
  app.add_option("--threads", settings.threads, "threads")->check(CLI::Range(1, 4096))->capture_default_str();
  app.add_flag("--bf16", settings.bf16, "multiply bf16");
  app.add_flag("--quick", settings.quick, "a tenth of the rounds");
  CLI11_PARSE(app, argc, argv);
  omp_set_num_threads(settings.threads);
  openblas_set_num_threads(settings.threads);
  std::printf("%s, %d thread(s); OpenBLAS %s, oneDNN %d.%d.%d\n%% of peak, and speed over the fastest other\n",
              settings.bf16 ? "bf16" : "float", settings.threads, openblas_get_corename(), dnnl::version()->major,
              dnnl::version()->minor, dnnl::version()->patch);
  std::printf("%6s %6s %6s  %12s %12s %12s %12s %12s\n", "M", "N", "K", "nt packed", "nt", "nn packed", "nn", "tn");
  std::vector<Outcome> columns[5];
  for (const auto [m, n, k] : product_sizes::with_rows({256, 1024, 4096}, product_sizes::of_larger_models)) {
    const auto x = filled(m, k), w = filled(n, k), dy = filled(m, n);
    Tensor<float> y(Shape{m, n}), dx(Shape{m, k}), dw(Shape{n, k});
    const Outcome row[5] = {way(settings, {x}, {w, true}, y, true), way(settings, {x}, {w, true}, y, false),
                            way(settings, {dy}, {w}, dx, true), way(settings, {dy}, {w}, dx, false),
                            way(settings, {dy, true}, {x}, dw, false)};
    std::printf("%6d %6d %6d ", int(m), int(n), int(k));
    for (int i = 0; i < 5; ++i) {
      std::printf("    %3.0f %5.2f", row[i].share, row[i].ratio);
      columns[i].push_back(row[i]);
    }
    std::printf("\n");
    std::fflush(stdout);
  }
  for (const auto& [name, q] : {std::pair{"median", 0.5}, {"least", 0.0}}) {
    std::printf("%20s ", name);
    for (const auto& column : columns) {
      std::vector<double> shares, ratios;
      for (const Outcome& o : column) {
        shares.push_back(o.share);
        ratios.push_back(o.ratio);
      }
      std::printf("    %3.0f %5.2f", roof::quantile(shares, q), roof::quantile(ratios, q));
    }
    std::printf("\n");
  }
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
