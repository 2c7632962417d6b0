// Ops with products, and those that read or write rows by an index, on the emulated device.
#include "tests/cuda/emulated/on_device.hpp"

#include "tests/cases/cross_entropy.hpp"
#include "tests/cases/embedding.hpp"
#include "tests/cases/linear.hpp"
#include "tests/cases/sparse_rows.hpp"

using cases::check_emulated;

TEST_CASE("emulated: cross_entropy") {
  check_emulated<cases::CrossEntropy<true>>();
  check_emulated<cases::CrossEntropy<false>>();
}
TEST_CASE("emulated: embedding") { check_emulated<cases::Embedding>(); }
TEST_CASE("emulated: linear") {
  check_emulated<cases::Linear<cases::Addend::none>>();
  check_emulated<cases::Linear<cases::Addend::rows>>();
  check_emulated<cases::Linear<cases::Addend::bias>>();
}
TEST_CASE("emulated: open_rows, gather_rows, scatter_add") { check_emulated<cases::SparseRows>(); }
