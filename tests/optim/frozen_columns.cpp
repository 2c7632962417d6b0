// Frozen columns: no gradient, and the start values whatever the update did.
#include "neutra/backend/cpu/cpu.hpp"

#include "neutra/optim/adamw.hpp"
#include "neutra/optim/frozen_columns.hpp"
#include "neutra/testing/check_gradient.hpp"

#include "tests/cases/message.hpp"
#include "tests/catch.hpp"

using namespace neutra;
using testing::random_tensor;

TEST_CASE("frozen columns: they have no part in the norm, and no update or decay moves them", "[optim]") {
  for (const Index cols : {Index{1}, Index{5}, Index{16}, Index{33}}) {
    CAPTURE(cols);
    const Frozen<float, Cpu> start("p", random_tensor<float, Cpu>({3, cols}, "start"), {.packed = true});
    Parameter<float, Cpu> p("p", start.copy()), free("p", start.copy());
    std::vector<float> trained(static_cast<std::size_t>(cols));
    for (std::size_t c = 0; c < trained.size(); ++c) trained[c] = c % 3 == 0 ? 0.0f : 1.0f;
    optim::FrozenColumns<float, Cpu> columns({p, start}, trained);
    CHECK(columns.size() == 3 * ((cols + 2) / 3));
    optim::AdamW<float, Cpu> adamw({&p}, {}), other({&free}, {});
    for (int step = 0; step < 3; ++step) {
      for (auto* one : {&p, &free}) {
        one->gradient = random_tensor<float, Cpu>({3, cols}, concat("gradient ", step));
        one->has_gradient = true;
      }
      for (Index i = 0; i < free.gradient.size(); ++i) free.gradient.data()[i] *= trained[i % cols];
      columns.clear_gradient();
      const double norm = adamw.gradient_norm();
      CHECK(norm == other.gradient_norm());
      adamw.step(0.1, norm);
      other.step(0.1, norm);
      columns.restore();
      const auto from = start.copy();
      for (Index i = 0; i < p.value.size(); ++i) {
        const bool moves = trained[i % cols] > 0;
        CHECK(p.value.data()[i] == (moves ? free.value.data()[i] : from.data()[i]));
        CHECK((p.value.data()[i] != from.data()[i]) == moves);
      }
    }
  }
}

TEST_CASE("frozen columns: of a vector, or not one number per column, are refused", "[optim]") {
  Parameter<float, Cpu> p("p", Tensor<float, Cpu>({2, 3})), v("v", Tensor<float, Cpu>({3}));
  const Frozen<float, Cpu> start("p", Tensor<float, Cpu>({2, 3})), of_v("v", Tensor<float, Cpu>({3}));
  const std::vector<float> two(2, 1.0f), three(3, 1.0f);
  CHECK(message([&] {
          optim::FrozenColumns<float, Cpu>({p, start}, two);
        }) == "frozen columns: p is (2,3); one number per column is needed, got 2");
  CHECK(message([&] {
          optim::FrozenColumns<float, Cpu>({v, of_v}, three);
        }) == "frozen columns: v is (3); one number per column is needed, got 3");
}
