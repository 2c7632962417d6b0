// Attention on the emulated device.
#include "tests/cuda/emulated/on_device.hpp"

#include "tests/cases/attention.hpp"

TEST_CASE("emulated: attention") { cases::check_emulated<cases::Attention>(); }
