// Products with quantised weights: the bits of products with the dequantised ones, forward and backward, and within the
// quantiser's error of products with the weights.
#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/core/random.hpp"

#include "tests/catch.hpp"

#include <omp.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

using namespace neutra;

namespace {

template <class S> Tensor<S> drawn(const Shape& shape, std::string_view purpose) {
  const Philox random(5, purpose);
  Tensor<S> values(shape);
  for (Index i = 0; i < values.size(); ++i)
    values.data()[i] = static_cast<S>(random.normal(0, static_cast<std::uint64_t>(i)));
  return values;
}

template <class S> bool same_bits(const Tensor<S>& a, const Tensor<S>& b) {
  return a.shape() == b.shape() &&
         (a.empty() || std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(S)) == 0);
}

/// c and an addend are given, or c is overwritten.
template <class S> struct QuantisedInputs {
  Tensor<S> w, x, addend, c;
  Quantisation format;
  bool transposed, adds;
  DType precision = dtype_of<S>;

  QuantisedInputs(Quantisation chosen, Index rows, Index outputs, Index inputs, bool transpose, bool add)
      : w(drawn<S>({outputs, inputs}, "w")),
        x(drawn<S>({rows, transpose ? inputs : outputs}, "x")),
        addend(drawn<S>({rows, transpose ? outputs : inputs}, "addend")),
        c(drawn<S>(addend.shape(), "c")),
        format(chosen),
        transposed(transpose),
        adds(add) {}

  Tensor<S> dequantised() const {
    Tensor<S> again(w.shape());
    cpu::Quantised<S>(w.view(), format).unpack(again.view());
    return again;
  }
  Tensor<S> product() const {
    Tensor<S> result = c.clone();
    const cpu::Quantised<S> quantised(w.view(), format);
    Cpu::product<S>(Operand<S>(x.view(), false, precision), quantised, transposed, {result.view(), adds}, extra());
    return result;
  }
  Tensor<S> product_with(const Tensor<S>& weight) const {
    Tensor<S> result = c.clone();
    Cpu::product<S>(Operand<S>(x.view(), false, precision), Operand<S>(weight.view(), transposed, precision),
                    {result.view(), adds}, extra());
    return result;
  }
  View<const S> extra() const { return adds ? addend.view() : View<const S>{}; }
};

std::vector<Quantisation> formats() { return {Quantisation("int8"), Quantisation("q4")}; }

template <class S> void check_bits(Index rows, Index outputs, Index inputs, DType precision = dtype_of<S>) {
  Index mix = rows + outputs + inputs;
  for (const Quantisation format : formats())
    for (const bool transposed : {true, false}) {
      CAPTURE(rows, outputs, inputs, to_string(format), transposed);
      QuantisedInputs<S> in(format, rows, outputs, inputs, transposed, mix++ % 2 == 0);
      in.precision = precision;
      CHECK(same_bits(in.product(), in.product_with(in.dequantised())));
    }
}

}  // namespace

TEMPLATE_TEST_CASE("quantised: products have the bits of products with the dequantised weight", "", float, double) {
  using S = TestType;
  constexpr Index depth = cpu::Tile<S>::depth;
  SECTION("around lanes and blocks") {
    for (const Index rows : {0, 1, 2, 5, 17})
      for (const Index outputs : {0, 1, 15, 17, 33})
        for (const Index inputs : {0, 1, 31, 33, 70}) check_bits<S>(rows, outputs, inputs);
  }
  SECTION("around the blocks of the sum, which cut blocks of inputs") {
    for (const Index rows : {1, 16})
      for (const Index size : {depth - 1, depth + 2, 2 * depth + 37}) {
        check_bits<S>(rows, 40, size);
        check_bits<S>(rows, size, 40);
      }
  }
  SECTION("many panels") { check_bits<S>(40, 700, 600); }
}

TEST_CASE("quantised: in a bf16 step the dequantised weight is rounded") {
  for (const Index rows : {1, 3, 16, 150})
    for (const Index size : {31, 64, 600, 1100}) {
      check_bits<float>(rows, 50, size, DType::bf16);
      check_bits<float>(rows, size, 50, DType::bf16);
    }
}

TEST_CASE("quantised: a result may be stored as bf16") {
  for (const Quantisation format : formats()) {
    QuantisedInputs<float> in(format, 20, 60, 1100, true, false);
    const auto weight = in.dequantised();
    const cpu::Quantised<float> quantised(in.w.view(), format);
    Tensor<bf16> found({20, 60}), right({20, 60});
    const Operand<float> x(in.x.view(), false, DType::bf16);
    Cpu::product<float>(x, quantised, true, Result<float>(found.view()));
    Cpu::product<float>(x, Operand<float>(weight.view(), true, DType::bf16), Result<float>(right.view()));
    CHECK(same_bits(found, right));
  }
}

// |x w - x w'| <= sum |x_k| e_k, where e_k is the error of a weight: half a scale, or 8 (1 + 2^-10) - 7 scales at the
// end that q4 has no code for (tests/core/quantisation.cpp); and (K + 2) eps sum |x_k w_k| for the sums of both
// products.
TEST_CASE("quantised: products are within the quantiser's error of those with the weights") {
  for (const Quantisation format : formats())
    for (const bool transposed : {true, false}) {
      CAPTURE(to_string(format), transposed);
      const QuantisedInputs<float> in(format, 9, 90, 130, transposed, false);
      const auto found = in.product(), exact = in.product_with(in.w);
      Tensor<float> error(in.w.shape());  // the bound of each weight
      format.visit([&]<class Q>() {
        const float steps = Q::bits == 8 ? 0.5f + 0x1p-15f : 8 * (1 + 0x1p-10f) - 7;
        for (Index o = 0; o < 90; ++o)
          for (Index i = 0; i < 130; i += block_inputs) {
            std::int8_t q[block_inputs];
            const Index count = std::min(block_inputs, 130 - i);
            const f16 scale = quantise<Q>(in.w.view().row(o) + i, count, q);
            for (Index k = 0; k < count; ++k) error.view()(o, i + k) = steps * std::abs(static_cast<float>(scale));
          }
      });
      const Index terms = in.x.shape().cols();
      double worst = 0, largest = 0;
      for (Index n = 0; n < found.shape().rows(); ++n)
        for (Index j = 0; j < found.shape().cols(); ++j) {
          double bound = 0;
          for (Index k = 0; k < terms; ++k) {
            const auto at = [&](const Tensor<float>& of) { return transposed ? of.view()(j, k) : of.view()(k, j); };
            const double x = std::abs(double(in.x.view()(n, k)));
            bound += x * (double(at(error)) +
                          2 * double(terms + 2) * double(std::numeric_limits<float>::epsilon()) * std::abs(at(in.w)));
          }
          const double difference = std::abs(double(found.view()(n, j)) - double(exact.view()(n, j)));
          worst = std::max(worst, difference / bound);
          largest = std::max(largest, difference);
        }
      CHECK(worst <= 1);
      CHECK(largest > 0);
    }
}

TEST_CASE("quantised: bits do not depend on the number of threads") {
  const int before = omp_get_max_threads();
  for (const Quantisation format : formats())
    for (const bool transposed : {true, false})
      for (const Index rows : {1, 200}) {
        const QuantisedInputs<float> in(format, rows, 700, 520, transposed, true);
        omp_set_num_threads(1);
        const auto one = in.product();
        const auto weight = in.dequantised();
        for (const int threads : {2, 3, 7}) {
          omp_set_num_threads(threads);
          CHECK(same_bits(in.product(), one));
          CHECK(same_bits(in.dequantised(), weight));
        }
      }
  omp_set_num_threads(before);
}

TEST_CASE("quantised: the scalar backend dequantises to the same weights") {
  for (const Quantisation format : formats()) {
    const QuantisedInputs<float> in(format, 3, 37, 75, true, false);
    Tensor<float> again(in.w.shape());
    const ScalarCpu::Quantised<float> plain(in.w.view(), format);
    plain.unpack(again.view());
    CHECK(same_bits(again, in.dequantised()));
    Tensor<float> found({3, 37}), right({3, 37});
    ScalarCpu::product<float>(Operand<float>(in.x.view()), plain, true, {found.view()});
    ScalarCpu::product<float>(Operand<float>(in.x.view()), Operand<float>(again.view(), true), {right.view()});
    CHECK(same_bits(found, right));
  }
}

TEMPLATE_TEST_CASE("quantised: the last panel is zero beyond the vector of the last column", "", float, double) {
  using S = TestType;
  constexpr Index width = cpu::Tile<S>::width, depth = 40;
  const auto w = drawn<S>({2 * width + 3, depth}, "w");
  for (const Quantisation format : formats()) {
    const cpu::Quantised<S> quantised(w.view(), format);
    // As left by another product. No product reads what is beyond the last column, so that only packing can show it.
    std::vector<S> panels(static_cast<std::size_t>(3 * width * depth), std::numeric_limits<S>::quiet_NaN());
    cpu::detail::pack_block<cpu::Exact<S>>(cpu::detail::QuantisedOperand<S>{&quantised, true}, 0, depth, 0,
                                           2 * width + 3, panels.data());
    Tensor<S> again(w.shape());
    quantised.unpack(again.view());
    for (Index column = 0; column < 3 * width; ++column)
      for (Index k = 0; k < depth; ++k) {
        const S expected = column < w.shape().rows() ? again.view()(column, k) : S(0);
        const Index place = column / width * width * depth + k * width + column % width;
        CAPTURE(column, k);
        REQUIRE(panels[static_cast<std::size_t>(place)] == expected);
      }
  }
}

TEST_CASE("quantised: a weight takes 8.5 or 4.5 bits") {
  const auto w = drawn<float>({64, 256}, "w");
  CHECK(cpu::Quantised<float>(w.view(), Quantisation("int8")).bytes() == 64 * 256 * 17 / 16);
  CHECK(cpu::Quantised<float>(w.view(), Quantisation("q4")).bytes() == 64 * 256 * 9 / 16);
}
