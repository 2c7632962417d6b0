/// The hash of the function that a model computes.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/sha256.hpp"
#include "neutra/nn/config.hpp"
#include "neutra/nn/host.hpp"

#include <algorithm>
#include <deque>
#include <future>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// What decides the function of a model besides its weights: lines of "name=value".
inline std::string function_text(const Config& config) {
  std::string text;
  visit_function(config, [&](const char* name, const auto& value) { text += concat(name, '=', value, '\n'); });
  return text;
}

/// SHA-256 in 64 hexadecimal digits, equal for a model loaded in float and in double. Its input:
///   1. the configuration (see visit_function): each value as "name=value" and a line feed
///   2. the weights in the order of the backbone: each as its name, a zero byte, its shape as in "(8,64)", a zero byte,
///      and its values as little-endian float32
/// One thread hashes a block of rows while the others unpack the next: SHA-256 itself cannot be computed in parallel.
class FingerprintSum {
 public:
  explicit FingerprintSum(const Config& config) { sum_.update(function_text(config)); }
  FingerprintSum(const FingerprintSum&) = delete;
  FingerprintSum& operator=(const FingerprintSum&) = delete;

  /// Adds the next weight: a Frozen or a RowMajor.
  template <template <Scalar, Backend> class W, Scalar S, Backend D>
  void add(std::string_view name, const W<S, D>& weight) {
    using namespace std::string_view_literals;
    constexpr Index most = Index{1} << 22;  // elements of a block
    const Index rows = weight.shape().rows(), cols = weight.shape().cols(),
                step = std::max<Index>(1, most / std::max<Index>(cols, 1));
    std::string before = concat(name, "\0"sv, weight.shape(), "\0"sv);
    for (Index first = 0; first < rows; first += step, next_ = 1 - next_) {
      std::vector<float>& block = blocks_[next_];
      read(weight, first, std::min(step, rows - first), block);
      if (hashing_.valid()) hashing_.get();
      hashing_ = std::async(std::launch::async, [this, &block, text = std::exchange(before, {})] {
        sum_.update(text);
        sum_.update({reinterpret_cast<const char*>(block.data()), block.size() * sizeof(float)});
      });
    }
  }
  std::string hex() {
    if (hashing_.valid()) hashing_.get();
    return sum_.hex();
  }

 private:
  /// Rows first .. first + count - 1 of a weight, in host memory.
  template <template <Scalar, Backend> class W, Scalar S, Backend D>
  static void read(const W<S, D>& weight, Index first, Index count, std::vector<float>& into) {
    Tensor<S, D> rows({count, weight.shape().cols()});
    weight.read(rows.view(), first);
    std::deque<Tensor<S>> copies;
    const View<const S> values = on_host(rows, copies);
    into.assign(values.data, values.data + values.size());
  }

  io::Sha256 sum_;
  std::vector<float> blocks_[2];
  int next_ = 0;
  std::future<void> hashing_;  // after what it uses, so that it ends first
};

}}}  // namespace neutra::NEUTRA_ABI::nn
