// Ops that work element by element, on the emulated device.
#include "tests/cuda/emulated/on_device.hpp"

#include "tests/cases/activation.hpp"
#include "tests/cases/add.hpp"
#include "tests/cases/columns.hpp"
#include "tests/cases/gated.hpp"
#include "tests/cases/pointwise.hpp"
#include "tests/cases/pointwise_trained.hpp"
#include "tests/cases/rope.hpp"
#include "tests/cases/scale_columns.hpp"
#include "tests/cases/scale_rows.hpp"

using cases::check_emulated;

TEST_CASE("emulated: activation") { check_emulated<cases::Activated>(); }
TEST_CASE("emulated: gated by an activation") { check_emulated<cases::GatedByActivation>(); }
TEST_CASE("emulated: add") { check_emulated<cases::Add>(); }
TEST_CASE("emulated: columns") { check_emulated<cases::Columns>(); }
TEST_CASE("emulated: gated") { check_emulated<cases::Gated>(); }
TEST_CASE("emulated: pointwise") {
  check_emulated<cases::Pointwise<cases::Softplus>>();
  check_emulated<cases::Pointwise<cases::SoftCap>>();
}
TEST_CASE("emulated: pointwise_trained") { check_emulated<cases::PointwiseTrained>(); }
TEST_CASE("emulated: rope") { check_emulated<cases::Rope>(); }
TEST_CASE("emulated: scale_columns") { check_emulated<cases::ScaleColumns>(); }
TEST_CASE("emulated: scale_rows") { check_emulated<cases::ScaleRows>(); }
