/// How sure an accuracy is, and whether two methods differ on the same questions.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// A share of questions answered right, and its 95 % interval:
///     p = right / n,  z = 1.96
///     (p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)      Wilson 1927
/// Unlike p -+ z sqrt(p (1 - p) / n), it stays inside [0, 1] and has a width at p = 0 and 1.
struct Accuracy {
  Index right = 0, questions = 0;

  double value() const { return static_cast<double>(right) / static_cast<double>(questions); }
  double low() const { return std::max(0.0, centre() - half_width()); }
  double high() const { return std::min(1.0, centre() + half_width()); }

 private:
  static constexpr double z = 1.959963984540054;  // of the normal distribution at 97.5 %
  double n() const { return static_cast<double>(questions); }
  double centre() const { return (value() + z * z / (2 * n())) / (1 + z * z / n()); }
  double half_width() const {
    return z * std::sqrt(value() * (1 - value()) / n() + z * z / (4 * n() * n())) / (1 + z * z / n());
  }
};

/// Two methods on the same questions. Those that both or neither answer right say nothing about a difference.
struct Paired {
  Index first_only = 0, second_only = 0;  // questions that one method alone answers right

  /// The probability of counts at least as uneven if neither method is better, when each such question is a fair coin:
  ///     2 sum_{i <= k} C(n, i) / 2^n,  n = first_only + second_only,  k = the smaller; at most 1
  /// McNemar 1947, in its exact form.
  double p() const {
    const auto n = static_cast<double>(first_only + second_only);
    double sum = 0;
    for (Index i = 0; i <= std::min(first_only, second_only); ++i) {
      const auto k = static_cast<double>(i);
      sum += std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) - n * std::log(2.0));
    }
    return std::min(1.0, 2 * sum);
  }
};

/// right: whether each question was answered right
inline Accuracy accuracy_of(const std::vector<bool>& right) {
  return {std::count(right.begin(), right.end(), true), static_cast<Index>(right.size())};
}

/// Error: different numbers of questions.
inline Paired paired(const std::vector<bool>& first, const std::vector<bool>& second) {
  require(first.size() == second.size(), "paired: both methods must answer the same questions, got ", first.size(),
          " and ", second.size());
  Paired counts;
  for (std::size_t n = 0; n < first.size(); ++n) {
    counts.first_only += first[n] && !second[n];
    counts.second_only += second[n] && !first[n];
  }
  return counts;
}

}}}  // namespace neutra::NEUTRA_ABI::train
