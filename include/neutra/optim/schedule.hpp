/// The learning rate schedule.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"

#include <cmath>
#include <numbers>

namespace neutra { inline namespace NEUTRA_ABI { namespace optim {

/// Linear warm-up, then cosine decay to a floor.      Loshchilov & Hutter 2016, arXiv 1608.03983
///   t < warmup:  rate (t + 1) / warmup
///   otherwise:   rate (f + (1 - f) (1 + cos(pi (t - warmup) / (steps - warmup))) / 2)
struct Schedule {
  double rate = 1e-3;
  Index steps = 0;
  Index warmup = 0;
  double floor = 0.1;  // f

  /// Error: a rate, floor or length out of range; a warm-up longer than the run.
  void check() const {
    require(rate > 0 && std::isfinite(rate), "schedule: the learning rate must be positive and finite, got ", rate);
    require(steps > 0, "schedule: steps must be positive, got ", steps);
    require(warmup >= 0 && warmup <= steps, "schedule: the warm-up must lie between 0 and the ", steps,
            " steps of the run, got ", warmup);
    require(floor >= 0 && floor <= 1, "schedule: the floor is a fraction of the rate, between 0 and 1, got ", floor);
  }

  /// The rate of step t, counted from 0.
  double operator()(Index t) const {
    if (t < warmup) return rate * static_cast<double>(t + 1) / static_cast<double>(warmup);
    const double progress =
        steps > warmup ? static_cast<double>(t - warmup) / static_cast<double>(steps - warmup) : 1.0;
    return rate * (floor + (1 - floor) * 0.5 * (1 + std::cos(std::numbers::pi * progress)));
  }
};

}}}  // namespace neutra::NEUTRA_ABI::optim
