// The best that this machine can do, as a reference for the other benchmarks.      ./peaks [--threads N]
//
// Multiply-adds per second in registers, bandwidth by the size of each thread's arrays, and the time of an empty
// parallel region. Medians with the minimum and maximum over rounds. With one thread, times are CPU time of the thread.
#include "roof.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>

namespace {

using neutra::Index;

template <class F> void show(const char* name, double unit, const char* unit_name, const F& measure) {
  std::vector<double> values;
  for (int round = 0; round < 9; ++round) values.push_back(measure() / unit);
  std::printf("%-28s %8.1f %s (%.1f..%.1f)\n", name, roof::quantile(values, 0.5), unit_name, roof::quantile(values, 0),
              roof::quantile(values, 1));
  std::fflush(stdout);
}

template <roof::Pass pass> void show_bandwidth(Index bytes, int threads) {
  std::vector<double> values;
  for (int round = 0; round < 5; ++round)
    values.push_back(1e-9 * roof::bandwidth<pass>(bytes / Index{sizeof(float)}, threads));
  std::printf(" %12.1f", roof::quantile(values, 0.5));
  std::fflush(stdout);
}

void show_bandwidths(int threads) {
  std::printf("\nGB/s by bytes of each array%12s %12s %12s %12s\n", "read", "write", "copy", "triad");
  for (const Index kib : {16, 256, 2048, 16384, 262144}) {
    std::printf("%22d KiB", static_cast<int>(kib));
    show_bandwidth<roof::Pass::read>(1024 * kib, threads);
    show_bandwidth<roof::Pass::write>(1024 * kib, threads);
    show_bandwidth<roof::Pass::copy>(1024 * kib, threads);
    show_bandwidth<roof::Pass::triad>(1024 * kib, threads);
    std::printf("\n");
  }
}

}  // namespace

int main(int argc, char** argv) try {
  int threads = 1;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) != "--threads" || i + 1 == argc) {
      std::fprintf(stderr, "usage: %s [--threads N]\n", argv[0]);
      return 2;
    }
    threads = std::max(1, std::atoi(argv[++i]));
  }
  std::printf("%d thread(s)\n", threads);
  show("float multiply-adds", 5e8, "GFLOP/s", [&] { return roof::multiply_adds<roof::Float>(threads); });
  show("double multiply-adds", 5e8, "GFLOP/s", [&] { return roof::multiply_adds<roof::Double>(threads); });
  if constexpr (!std::is_same_v<neutra::cpu::Bf16, neutra::cpu::WidenedBf16>)
    show("bf16 dot products", 5e8, "GFLOP/s", [&] { return roof::multiply_adds<neutra::cpu::Bf16>(threads); });
  std::printf("products of bf16 are computed as: %s\n", std::string(to_string(neutra::cpu::bf16_unit())).c_str());
  if (threads > 1) show("empty parallel region", 1e-6, "us", [&] { return roof::fork_and_join(threads); });
  show_bandwidths(threads);
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
