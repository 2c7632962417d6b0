#include "neutra/backend/cpu/cpu.hpp"

#include "neutra/testing/check_gradient.hpp"

#include "tests/catch.hpp"

#include <cmath>

using namespace neutra;

namespace {

struct Outcome {
  std::vector<float> y, lse, dq, dk, dv;
  bool operator==(const Outcome&) const = default;
};

std::vector<float> numbers(const Tensor<float>& x) { return {x.data(), x.data() + x.size()}; }

Outcome run(const AttentionSizes& z, bool add) {
  const Shape queries{z.sequences * z.length, z.heads * z.width}, keys{z.sequences * z.length, z.kv_heads * z.width};
  const auto q = testing::random_tensor<float>(queries, "q"), k = testing::random_tensor<float>(keys, "k"),
             v = testing::random_tensor<float>(keys, "v"), dy = testing::random_tensor<float>(queries, "dy");
  Tensor<float> y(queries), lse({z.sequences * z.heads * z.length}), dq(queries), dk(keys), dv(keys);
  for (auto* gradient : {&dq, &dk, &dv}) std::fill_n(gradient->data(), gradient->size(), 1.0f);
  const auto operand = [](const Tensor<float>& x) { return Operand<float>(x.view()); };
  Cpu::attention_forward<float>(z, operand(q), operand(k), operand(v), y.view(), lse.data());
  Cpu::attention_backward<float>(z, operand(q), operand(k), operand(v), operand(dy), lse.data(), Into<float>{dq, add},
                                 Into<float>{dk, add}, Into<float>{dv, add});
  return {numbers(y), numbers(lse), numbers(dq), numbers(dk), numbers(dv)};
}

}  // namespace

TEST_CASE("attention kernels: equal bits for 1, 2 and 3 threads, forward and backward") {
  const int threads = omp_get_max_threads();
  for (const auto& z : {AttentionSizes{3, 70, 4, 2, 16}, AttentionSizes{1, 130, 6, 1, 5},
                        AttentionSizes{1, 130, 6, 1, 5, 40, 0, 0.5}}) {
    omp_set_num_threads(1);
    const Outcome one = run(z, false);
    for (const int wanted : {2, 3}) {
      omp_set_num_threads(wanted);
      CHECK(run(z, false) == one);
    }
  }
  omp_set_num_threads(threads);
}

TEST_CASE("attention kernels: gradients add where asked to") {
  const AttentionSizes z{2, 70, 4, 2, 6};
  const Outcome written = run(z, false), added = run(z, true);
  double most = 0;
  const auto compare = [&](const std::vector<float>& a, const std::vector<float>& b) {
    for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, static_cast<double>(std::abs(b[i] - (a[i] + 1))));
  };
  compare(written.dq, added.dq);
  compare(written.dk, added.dk);
  compare(written.dv, added.dv);
  CHECK(most < 1e-5);
}

TEST_CASE("attention kernels: lse is the log of the sum of exponentials of the visible scores") {
  const AttentionSizes z{1, 67, 2, 1, 3};
  const Shape queries{67, 6}, keys{67, 3};
  const auto q = testing::random_tensor<double>(queries, "q"), k = testing::random_tensor<double>(keys, "k");
  Tensor<double> y(queries), lse({2 * 67});
  const auto queries_of = Operand<double>(q.view()), keys_of = Operand<double>(k.view());
  Cpu::attention_forward<double>(z, queries_of, keys_of, keys_of, y.view(), lse.data());
  for (Index head = 0; head < 2; ++head)
    for (Index i = 0; i < 67; ++i) {
      double sum = 0;
      for (Index j = 0; j <= i; ++j) {
        double score = 0;
        for (Index c = 0; c < 3; ++c) score += q.view()(i, head * 3 + c) * k.view()(j, c);
        sum += std::exp(score / std::sqrt(3.0));
      }
      CHECK(lse.data()[head * 67 + i] == Approx(std::log(sum)).epsilon(1e-12));
    }
}
