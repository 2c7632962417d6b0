// --device: which names there are, and what a program that was built for the CPU says.
#include "neutra/program/device_option.hpp"

#include "tests/cases/message.hpp"
#include "tests/catch.hpp"

using namespace neutra;
using namespace neutra::program::detail;

TEST_CASE("device option: names and numbers of devices") {
  CHECK(device_number("cpu") == 0);
  CHECK(device_number("cuda") == 0);
  CHECK(device_number("cuda:0") == 0);
  CHECK(device_number("cuda:12") == 12);
  for (const char* wrong : {"", "gpu", "cuda:", "cuda:x", "cuda:1x", "cuda:-1", "cuda:99999999999", "cpu:0"})
    CHECK(message([&] { device_number(wrong); }) ==
          concat("--device must be cpu, cuda or cuda:N with the number of a device from 0, got '", wrong, "'"));
}

TEST_CASE("device option: a program for the CPU refuses a CUDA device") {
  CHECK(message([] { choose_device("cpu"); }) == "");
  CHECK(message([] { choose_device("cuda:1"); }) ==
        "--device cuda:1: this program was built for the CPU (neutra::neutra); use one that was built for CUDA devices "
        "(neutra::cuda)");
  CHECK(message([] { choose_device("tpu"); }) ==
        "--device must be cpu, cuda or cuda:N with the number of a device from 0, got 'tpu'");
}
