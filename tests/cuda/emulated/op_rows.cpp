// Ops that work on rows, on the emulated device.
#include "tests/cuda/emulated/on_device.hpp"

#include "tests/cases/causal_mean.hpp"
#include "tests/cases/kl_divergence.hpp"
#include "tests/cases/layer_norm.hpp"
#include "tests/cases/magnitude.hpp"
#include "tests/cases/penalty.hpp"
#include "tests/cases/rms_norm.hpp"
#include "tests/cases/softmax.hpp"
#include "tests/cases/sum.hpp"
#include "tests/cases/top_softmax.hpp"

using cases::check_emulated;

TEST_CASE("emulated: causal_mean") { check_emulated<cases::CausalMean>(); }
TEST_CASE("emulated: kl_divergence") { check_emulated<cases::KlDivergence>(); }
TEST_CASE("emulated: layer_norm") { check_emulated<cases::LayerNorm>(); }
TEST_CASE("emulated: magnitude_factors") { check_emulated<cases::MagnitudeFactors>(); }
TEST_CASE("emulated: residue_penalty") { check_emulated<cases::ResiduePenalty>(); }
TEST_CASE("emulated: gate_penalty") { check_emulated<cases::GatePenalty>(); }
TEST_CASE("emulated: rms_norm") { check_emulated<cases::RmsNorm>(); }
TEST_CASE("emulated: softmax") { check_emulated<cases::Softmax>(); }
TEST_CASE("emulated: sums") { check_emulated<cases::Sum>(); }
TEST_CASE("emulated: top_softmax") { check_emulated<cases::TopSoftmax>(); }
