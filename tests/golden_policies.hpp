// The policy tensors of tests/golden: the functions as PyTorch computes them.
#pragma once

#include "neutra/io/safetensors.hpp"

#include <string>
#include <vector>

/// One tensor of the golden file, as double.
inline std::vector<double> golden(const std::string& name) {
  static const auto file =
      neutra::io::Safetensors::open(std::string(NEUTRA_SOURCE_DIR) + "/tests/golden/golden.safetensors");
  const auto tensor = file.read<double>(name);
  return {tensor.data(), tensor.data() + tensor.size()};
}
