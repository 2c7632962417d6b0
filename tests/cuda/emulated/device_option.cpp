// --device in a program that was built for CUDA devices, as this one is.
#include "tests/cuda/emulated/emulator.hpp"

#include "neutra/program/device_option.hpp"

#include "tests/cases/message.hpp"
#include "tests/catch.hpp"

using neutra::program::detail::choose_device;

TEST_CASE("emulated: a program for CUDA devices refuses the CPU, and a device that is not there") {
  CHECK(message([] { choose_device("cuda"); }) == "");
  CHECK(message([] { choose_device("cuda:0"); }) == "");
  CHECK(message([] { choose_device("cpu"); }) ==
        "--device cpu: this program was built for CUDA devices (neutra::cuda); use one that was built for the CPU "
        "(neutra::neutra)");
  CHECK(message([] { choose_device("cuda:7"); }) == "cuda: there is no device 7; the emulated one has the number 0");
}
