// Attention and products in bf16, packed and quantised weights: what the checks of ops, in float and double, do not
// reach.
#include "tests/cuda/emulated/emulator.hpp"

#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/backend/cuda/cuda.hpp"
#include "neutra/core/random.hpp"
#include "neutra/testing/on_device.hpp"

#include "tests/catch.hpp"

#include <cmath>
#include <string>
#include <vector>

using namespace neutra;
using testing::from_device;

namespace {

template <class T, class D> Tensor<T, D> drawn(const Shape& shape, std::string_view purpose) {
  const Philox random(5, purpose);
  Tensor<float> values(shape);
  for (Index i = 0; i < values.size(); ++i)
    values.data()[i] = static_cast<float>(random.normal(0, static_cast<std::uint64_t>(i)));
  return testing::on_device<T, D>(values);
}

/// |a - b| / |b|
template <class T> double difference(const std::vector<T>& a, const std::vector<T>& b) {
  REQUIRE(a.size() == b.size());
  double apart = 0, norm = 1e-300;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<float>(a[i]), y = static_cast<float>(b[i]);
    apart += (x - y) * (x - y);
    norm += y * y;
  }
  return std::sqrt(apart / norm);
}

/// The result of attention and its gradients, of operands that are `gap` columns into wider arrays. With a gap, the
/// result, dQ and dK are added to what is there.
template <class D, class T> std::vector<std::vector<T>> attend(const AttentionSizes& z, DType precision, Index gap) {
  const Shape of_queries{z.sequences * z.length, z.heads * z.width},
      of_keys{z.sequences * z.keys(), z.kv_heads * z.width};
  std::vector<Tensor<T, D>> held;
  const auto operand = [&](const Shape& shape, std::string_view purpose) {
    held.push_back(drawn<T, D>({shape.rows(), shape.cols() + 3 * gap}, purpose));
    const View<const T> part(held.back().data() + gap, shape, shape.cols() + 3 * gap);
    return Operand<float>(AnyView<float>(part), precision);
  };
  const auto q = operand(of_queries, "q"), k = operand(of_keys, "k"), v = operand(of_keys, "v"),
             slopes = operand(of_queries, "slopes");
  Tensor<T, D> out = drawn<T, D>(of_queries, "out"), dq = drawn<T, D>(of_queries, "dq"),
               dk = drawn<T, D>(of_keys, "dk"), dv = drawn<T, D>(of_keys, "dv");
  Tensor<float, D> lse({z.sequences, z.heads, z.length});
  D::template attention_forward<float>(z, q, k, v, Result<float>(out.view(), gap > 0), lse.data());
  if (z.past == 0)
    D::template attention_backward<float>(z, q, k, v, slopes, lse.data(), Result<float>(dq.view(), gap > 0),
                                          Result<float>(dk.view(), gap > 0), Result<float>(dv.view()));
  return {from_device(out), from_device(dq), from_device(dk), from_device(dv)};
}

std::vector<AttentionSizes> attention_sizes() {
  AttentionSizes window{1, 150, 2, 1, 16}, cap, past;
  window.window = 20;
  cap = window;
  cap.cap = 3;
  past = cap;
  past.past = 40;
  return {{1, 70, 2, 1, 64},
          {2, 67, 4, 2, 5},
          {1, 130, 1, 1, 80},
          {1, 65, 2, 2, 130},
          {1, 3, 2, 1, 128},
          window,
          cap,
          past};
}

template <class T> void check_attention(DType precision, Index gap, double most) {
  for (const AttentionSizes& z : attention_sizes()) {
    CAPTURE(z.length, z.heads, z.kv_heads, z.width, z.window, z.cap, z.past, gap);
    const auto here = attend<Cuda, T>(z, precision, gap), cpu = attend<ScalarCpu, T>(z, precision, gap);
    for (std::size_t i = 0; i < here.size(); ++i) {
      CAPTURE(i);
      CHECK(difference(here[i], cpu[i]) < most);
    }
    const gpu::emulated::RandomOrder random(3);
    CHECK(attend<Cuda, T>(z, precision, gap) == here);
  }
}

/// c = a b, plus c and an addend (1: (M,N), 2: a bias): of operands, of a packed b, and of one packed the other way.
template <class D, class T>
std::vector<std::vector<T>> multiply(bool a_transposed, bool b_transposed, bool adds, int addend, DType precision) {
  constexpr Index m = 7, n = 9, k = 12;
  const auto a = drawn<float, D>(a_transposed ? Shape{k, m} : Shape{m, k}, "a"),
             b = drawn<float, D>(b_transposed ? Shape{n, k} : Shape{k, n}, "b"), more = drawn<float, D>({m, n}, "more");
  const View<const float> extra =
      addend == 0 ? View<const float>{} : View<const float>(more.data(), {m, n}, addend == 1 ? n : 0);
  const Operand<float> left(a.view(), a_transposed, precision), right(b.view(), b_transposed, precision);
  const typename D::template Packed<float> packed(right), other(right.transpose());
  if (std::is_same_v<D, Cuda>) CHECK(packed.exact() == (precision == DType::f32));
  std::vector<std::vector<T>> results;
  for (int way = 0; way < (addend == 0 ? 3 : 2); ++way) {
    auto c = drawn<T, D>({m, n}, "c");
    const Result<float> into(c.view(), adds);
    if (way == 0) D::template product<float>(left, right, into, extra);
    if (way == 1) D::template product<float>(left, packed, into, extra);
    if (way == 2) D::template product_transposed<float>(left, other, into);
    results.push_back(from_device(c));
  }
  return results;
}

template <class T> void check_products(DType precision, double most) {
  for (const bool a_transposed : {false, true})
    for (const bool b_transposed : {false, true})
      for (const bool adds : {false, true})
        for (const int addend : {0, 1, 2}) {
          CAPTURE(a_transposed, b_transposed, adds, addend);
          const auto here = multiply<Cuda, T>(a_transposed, b_transposed, adds, addend, precision);
          const auto cpu = multiply<ScalarCpu, T>(a_transposed, b_transposed, adds, addend, precision);
          for (const auto& result : here) {
            CHECK(result == here[0]);
            CHECK(difference(result, cpu[0]) < most);
          }
        }
}

/// A product with a quantised W, which is added to c and an addend; and W dequantised.
template <class D>
std::vector<std::vector<float>> multiply_quantised(std::string_view format, bool transposed, DType precision,
                                                   Index inputs) {
  constexpr Index outputs = 37, rows = 5;
  const Index from = transposed ? inputs : outputs, to = transposed ? outputs : inputs;
  const auto w = drawn<float, D>({outputs, inputs}, "w"), x = drawn<float, D>({rows, from}, "x"),
             addend = drawn<float, D>({rows, to}, "addend");
  auto c = drawn<float, D>({rows, to}, "c");
  const typename D::template Quantised<float> quantised(w.view(), Quantisation(format));
  D::template product<float>(Operand<float>(x.view(), false, precision), quantised, transposed,
                             Result<float>(c.view(), true), addend.view());
  Tensor<float, D> whole(w.shape()), part({3, inputs});
  quantised.unpack(whole.view());
  quantised.unpack(part.view(), 30);
  return {from_device(c), from_device(whole), from_device(part)};
}

}  // namespace

TEST_CASE("emulated: attention of numbers stored in bf16") {
  check_attention<bf16>(DType::bf16, 0, 1e-2);
  check_attention<bf16>(DType::bf16, 1, 1e-2);
}
TEST_CASE("emulated: attention of floats that are rounded to bf16") { check_attention<float>(DType::bf16, 1, 5e-3); }
TEST_CASE("emulated: attention of floats") { check_attention<float>(DType::f32, 1, 1e-5); }

TEST_CASE("emulated: products of operands and packed weights") {
  check_products<float>(DType::f32, 1e-6);
  check_products<float>(DType::bf16, 1e-6);
  check_products<bf16>(DType::bf16, 4e-3);
}

TEST_CASE("emulated: a weight is packed exactly where no bit is rounded away") {
  Tensor<float> w({5, 40});
  for (Index i = 0; i < w.size(); ++i) w.data()[i] = static_cast<float>(i);
  const auto exact = [&] {
    const auto there = testing::on_device<float, Cuda>(w);
    return Cuda::Packed<float>(Operand<float>(there.view(), true, DType::bf16)).exact();
  };
  CHECK(exact());
  w.data()[199] += 1.0f / 4;
  CHECK_FALSE(exact());
}

TEST_CASE("emulated: products with quantised weights") {
  for (const char* format : {"int8", "q4"})
    for (const bool transposed : {false, true})
      for (const DType precision : {DType::f32, DType::bf16})
        for (const Index inputs : {1, 33, 70}) {
          CAPTURE(format, transposed, to_string(precision), inputs);
          const auto here = multiply_quantised<Cuda>(format, transposed, precision, inputs);
          const auto cpu = multiply_quantised<ScalarCpu>(format, transposed, precision, inputs);
          CHECK(difference(here[0], cpu[0]) < 1e-6);
          CHECK(here[1] == cpu[1]);
          CHECK(here[2] == cpu[2]);
        }
}
