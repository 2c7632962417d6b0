// Attention as a share of the multiply-add peak, by sequence length.      ./attention [THREADS] [bf16]
//
// 8192 tokens, 8 heads of 64 channels, forward and backward. Counts the useful multiply-adds: two causal (half)
// products forward, five backward. The peak is a burst that alternates with the kernel; medians of seven.
#include "roof.hpp"

#include "neutra/neutra.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>

using namespace neutra;

namespace {

template <class T> Tensor<T> filled(const Shape& shape, std::string_view purpose) {
  Tensor<T> t(shape);
  const Philox random(1, purpose);
  for (Index i = 0; i < t.size(); ++i)
    t.data()[i] = static_cast<T>(static_cast<float>(random.uniform(0, static_cast<std::uint64_t>(i)) - 0.5));
  return t;
}

/// T: storage dtype of queries, keys and values; bf16 if a model multiplies bf16.
template <class T> void measure(Index length, int threads) {
  constexpr Index tokens = 8192, heads = 8, width = 64;
  const AttentionSizes z{tokens / length, length, heads, heads, width};
  const Shape shape{tokens, heads * width};
  const auto q = filled<T>(shape, "q"), k = filled<T>(shape, "k"), v = filled<T>(shape, "v"),
             dout = filled<T>(shape, "dout");
  const auto given = [](const Tensor<T>& x) { return Operand<float>(x.view()); };
  Tensor<T> out(shape), dq(shape), dk(shape), dv(shape);
  Tensor<float> lse({tokens, heads});
  std::vector<double> forward, backward, peaks;
  for (int round = 0; round < 7; ++round) {
    peaks.push_back(roof::multiply_adds(std::is_same_v<T, bf16>, threads));
    const double start = roof::seconds(threads);
    Cpu::attention_forward<float>(z, given(q), given(k), given(v), out.view(), lse.data());
    const double middle = roof::seconds(threads);
    Cpu::attention_backward<float>(z, given(q), given(k), given(v), given(dout), lse.data(), Into<T>{dq}, Into<T>{dk},
                                   Into<T>{dv});
    forward.push_back(middle - start);
    backward.push_back(roof::seconds(threads) - middle);
  }
  const double half_square = 0.5 * double(tokens) * double(length + 1) * double(heads * width),
               peak = roof::quantile(peaks, 0.75);
  const double there = roof::quantile(forward, 0.5), back = roof::quantile(backward, 0.5);
  std::printf("%6d tokens   forward %8.2f ms %4.0f %% of the peak   backward %8.2f ms %4.0f %%\n", int(length),
              1e3 * there, 100 * 2 * half_square / there / peak, 1e3 * back, 100 * 5 * half_square / back / peak);
}

}  // namespace

int main(int argc, char** argv) try {
  const int threads = argc > 1 ? std::max(1, std::atoi(argv[1])) : 2;
  omp_set_num_threads(threads);
  for (const Index length : {256, 512, 1024, 2048, 4096, 8192})
    argc > 2 && std::string_view(argv[2]) == "bf16" ? measure<bf16>(length, threads) : measure<float>(length, threads);
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
