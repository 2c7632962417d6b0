#include "tests/cases/activation.hpp"

using namespace cases;

TEST_CASE("activation: value, gradients, SIMD and scalar") { check_all<cases::Activated>(); }

TEST_CASE("gated by an activation: value, gradients, SIMD and scalar") { check_all<cases::GatedByActivation>(); }

TEST_CASE("activation: the names of model files, and no others") {
  CHECK(activation_named("gelu") == Activation::gelu);
  for (const char* name : {"gelu_new", "gelu_pytorch_tanh", "gelu_fast"})
    CHECK(activation_named(name) == Activation::gelu_tanh);
  CHECK(activation_named("relu") == Activation::relu);
  CHECK(activation_named("swish") == Activation::silu);
  for (const char* name : {"", "quick_gelu", "GELU", "relu2"}) CHECK_FALSE(activation_named(name).has_value());
}
