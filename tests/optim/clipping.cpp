#include "neutra/backend/cpu/cpu.hpp"

#include "neutra/optim/clipping.hpp"

#include "tests/catch.hpp"

using namespace neutra;

TEST_CASE("gradient norm: over all elements of all parameters, at sizes around a block") {
  for (const Index size : {Index{1}, Index{15}, Index{4095}, Index{4096}, Index{4097}, Index{9000}}) {
    CAPTURE(size);
    Parameter<float, Cpu> a("a", Tensor<float, Cpu>({size})), b("b", Tensor<float, Cpu>({3}));
    double square = 0;
    for (Index i = 0; i < size; ++i) {
      a.gradient.data()[i] = static_cast<float>(i % 7) - 2.5f;
      square += static_cast<double>(a.gradient.data()[i]) * a.gradient.data()[i];
    }
    std::fill_n(b.gradient.data(), 3, 10.0f);
    a.has_gradient = b.has_gradient = true;
    const std::vector<Parameter<float, Cpu>*> both{&a, &b}, other{&b, &a};
    optim::GradientNorm<float, Cpu> norm(both);
    CHECK(norm(both) == Approx(std::sqrt(square + 300)).epsilon(1e-6));
    CHECK(norm(std::span(both).subspan(1)) == Approx(std::sqrt(300.0)).epsilon(1e-7));
    optim::GradientNorm<float, Cpu> turned(other);
    CHECK(turned(other) == Approx(norm(both)).epsilon(1e-12));
    a.held = true;
    a.has_gradient = false;
    CHECK(norm(both) == Approx(std::sqrt(300.0)).epsilon(1e-7));
  }
}

TEST_CASE("gradient norm: a gradient whose square leaves the range of float is not taken for a finite one") {
  Parameter<float, Cpu> a("a", Tensor<float, Cpu>({3}));
  a.gradient.data()[1] = 1e30f;
  a.has_gradient = true;
  const std::vector<Parameter<float, Cpu>*> all{&a};
  const double norm = optim::GradientNorm<float, Cpu>(all)(all);
  CHECK((norm == Approx(1e30) || !std::isfinite(norm)));
}
