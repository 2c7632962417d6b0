/// --device: a program computes on the device that it was built for, and says so when asked for the other.
#pragma once

#include "neutra/backend/device.hpp"
#include "neutra/core/error.hpp"

#include <CLI/CLI.hpp>

#include <charconv>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace program { namespace detail {

/// The number in "cuda:1"; 0 for "cuda". Error: the name is neither of these nor "cpu".
inline int device_number(std::string_view name) {
  if (name == "cpu" || name == "cuda") return 0;
  int number = -1;
  if (name.starts_with("cuda:")) {
    const char *const first = name.data() + 5, *const last = name.data() + name.size();
    const auto end = std::from_chars(first, last, number);
    if (end.ec != std::errc{} || end.ptr != last) number = -1;
  }
  require(number >= 0, "--device must be cpu, cuda or cuda:N with the number of a device from 0, got '", name, "'");
  return number;
}

/// Computes on the device of that name. Error: this program was built for the other; there is no such device.
inline void choose_device(std::string_view name) {
  require(!name.empty(), "--device must not be empty; give it a value or leave it out");
  [[maybe_unused]] const int number = device_number(name);
#if defined(NEUTRA_CUDA)
  require(name != "cpu",
          "--device cpu: this program was built for CUDA devices (neutra::cuda); use one that was built for "
          "the CPU (neutra::neutra)");
  gpu::Device::choose(number);
#else
  require(
      name == "cpu", "--device ", name,
      ": this program was built for the CPU (neutra::neutra); use one that was built for CUDA devices (neutra::cuda)");
#endif
}

/// Adds --device.
inline void add_device(CLI::App& app) {
  app.add_option_function<std::string>(
         "--device", [](const std::string& name) { choose_device(name); },
         "cpu or cuda[:N]; a program computes on what it was built for")
      ->default_str(std::string(DefaultDevice::name));
}

}}}}  // namespace neutra::NEUTRA_ABI::program::detail
