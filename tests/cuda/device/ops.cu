// Every op on a CUDA device, against the CPU; twice, with equal bits.
#include "neutra/backend/device.hpp"

#include "tests/cases/activation.hpp"
#include "tests/cases/add.hpp"
#include "tests/cases/attention.hpp"
#include "tests/cases/causal_mean.hpp"
#include "tests/cases/columns.hpp"
#include "tests/cases/cross_entropy.hpp"
#include "tests/cases/embedding.hpp"
#include "tests/cases/gated.hpp"
#include "tests/cases/kl_divergence.hpp"
#include "tests/cases/layer_norm.hpp"
#include "tests/cases/linear.hpp"
#include "tests/cases/magnitude.hpp"
#include "tests/cases/on_device.hpp"
#include "tests/cases/penalty.hpp"
#include "tests/cases/pointwise.hpp"
#include "tests/cases/pointwise_trained.hpp"
#include "tests/cases/rms_norm.hpp"
#include "tests/cases/rope.hpp"
#include "tests/cases/scale_columns.hpp"
#include "tests/cases/scale_rows.hpp"
#include "tests/cases/softmax.hpp"
#include "tests/cases/sparse_rows.hpp"
#include "tests/cases/sum.hpp"
#include "tests/cases/top_softmax.hpp"

namespace {

template <class Case> void check() {
  cases::check_on_device<neutra::Cuda, neutra::ReferenceDevice, Case>([](const auto& f) { f(); });
}

}  // namespace

TEST_CASE("device: activation") { check<cases::Activated>(); }
TEST_CASE("device: gated by an activation") { check<cases::GatedByActivation>(); }
TEST_CASE("device: add") { check<cases::Add>(); }
TEST_CASE("device: attention") { check<cases::Attention>(); }
TEST_CASE("device: causal_mean") { check<cases::CausalMean>(); }
TEST_CASE("device: columns") { check<cases::Columns>(); }
TEST_CASE("device: cross_entropy") {
  check<cases::CrossEntropy<true>>();
  check<cases::CrossEntropy<false>>();
}
TEST_CASE("device: embedding") { check<cases::Embedding>(); }
TEST_CASE("device: gated") { check<cases::Gated>(); }
TEST_CASE("device: kl_divergence") { check<cases::KlDivergence>(); }
TEST_CASE("device: layer_norm") { check<cases::LayerNorm>(); }
TEST_CASE("device: linear") {
  check<cases::Linear<cases::Addend::none>>();
  check<cases::Linear<cases::Addend::rows>>();
  check<cases::Linear<cases::Addend::bias>>();
}
TEST_CASE("device: magnitude_factors") { check<cases::MagnitudeFactors>(); }
TEST_CASE("device: residue_penalty") { check<cases::ResiduePenalty>(); }
TEST_CASE("device: gate_penalty") { check<cases::GatePenalty>(); }
TEST_CASE("device: pointwise") {
  check<cases::Pointwise<cases::Softplus>>();
  check<cases::Pointwise<cases::SoftCap>>();
}
TEST_CASE("device: pointwise_trained") { check<cases::PointwiseTrained>(); }
TEST_CASE("device: rms_norm") { check<cases::RmsNorm>(); }
TEST_CASE("device: rope") { check<cases::Rope>(); }
TEST_CASE("device: scale_columns") { check<cases::ScaleColumns>(); }
TEST_CASE("device: scale_rows") { check<cases::ScaleRows>(); }
TEST_CASE("device: softmax") { check<cases::Softmax>(); }
TEST_CASE("device: open_rows, gather_rows, scatter_add") { check<cases::SparseRows>(); }
TEST_CASE("device: sums") { check<cases::Sum>(); }
TEST_CASE("device: top_softmax") { check<cases::TopSoftmax>(); }
