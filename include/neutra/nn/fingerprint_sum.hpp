/// The hash of the function that a model computes.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/view.hpp"
#include "neutra/io/sha256.hpp"
#include "neutra/nn/config.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// SHA-256 in 64 hexadecimal digits, equal for a model loaded in float and in double. Its input:
///   1. the configuration (see visit_function): each value as "name=value" and a line feed
///   2. the weights in the order of the backbone: each as its name, a zero byte, its shape as in "(8,64)", a zero byte,
///      and its values as little-endian float32
class FingerprintSum {
 public:
  explicit FingerprintSum(const Config& config) {
    visit_function(config, [&](const char* name, const auto& value) { sum_.update(concat(name, '=', value, '\n')); });
  }
  /// Adds the next weight, whose values are in host memory and contiguous.
  template <Scalar S> void add(std::string_view name, const View<const S>& values) {
    using namespace std::string_view_literals;
    sum_.update(concat(name, "\0"sv, values.shape, "\0"sv));
    for (Index first = 0; first < values.size(); first += static_cast<Index>(block_.size())) {
      const Index count = std::min<Index>(values.size() - first, static_cast<Index>(block_.size()));
      std::transform(values.data + first, values.data + first + count, block_.begin(),
                     [](S value) { return static_cast<float>(value); });
      sum_.update({reinterpret_cast<const char*>(block_.data()), static_cast<std::size_t>(count) * sizeof(float)});
    }
  }
  std::string hex() { return sum_.hex(); }

 private:
  io::Sha256 sum_;
  std::vector<float> block_ = std::vector<float>(1 << 14);
};

}}}  // namespace neutra::NEUTRA_ABI::nn
