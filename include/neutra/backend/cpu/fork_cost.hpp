/// Decides whether several threads are currently faster than one.
///
/// A parallel region ends with its last thread. If other processes use the cores too, that thread may be waiting for a
/// core while the others wait for it, and a region of microseconds takes milliseconds, whatever way of waiting the
/// OpenMP runtime has. Since results do not depend on the number of threads, loops then continue on one thread for a
/// while before they try again.
#pragma once

#include "neutra/core/scalar.hpp"

#include <omp.h>
#include <algorithm>
#include <atomic>

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu {

/// Compares what stalled parallel regions cost the forking thread with what the others saved.
/// One object per forking thread. Times are in seconds, by omp_get_wtime, which needs no <chrono> in every program.
class ForkCost {
 public:
  static ForkCost& of_this_thread() {
    thread_local ForkCost cost;
    return cost;
  }

  /// If off, loops always fork: for tests and measurements that need all threads in every step.
  static inline std::atomic<bool> enabled = true;

  /// Whether to fork now.
  bool pays(double now) const { return rest_ == 0 || now >= resume_ || !enabled.load(std::memory_order_relaxed); }
  bool pays() const { return rest_ == 0 || pays(omp_get_wtime()); }

  /// Records a region that ends now; `alone` is the time one thread would have taken. A loss below `stall` is the
  /// normal cost of forking, which the loops' thresholds account for.
  void add(double region, double alone, double now) {
    const double loss = region - 0.9 * alone;
    if (loss < 0 || loss > stall) lost_ = std::max(lost_ + loss, -enough);
    if (lost_ == -enough) rest_ = 0;
    if (lost_ <= (rest_ == 0 ? enough : one_stall)) return;
    rest_ = std::clamp(4 * rest_, first_rest, longest_rest);
    resume_ = now + rest_;
    lost_ = 0;
  }

  /// Measures one region of `count` iterations of equal cost.
  class Region {
   public:
    /// Measures the iterations of one thread, from construction to destruction.
    class Part {
     public:
      explicit Part(Region& region) : region_(region) {}
      Part(const Part&) = delete;
      Part& operator=(const Part&) = delete;
      ~Part() {
        if (iterations > 0) region_.add((omp_get_wtime() - start_) / static_cast<double>(iterations));
      }
      Index iterations = 0;

     private:
      Region& region_;
      double start_ = omp_get_wtime();
    };

    explicit Region(Index count) : count_(count) {}
    Region(const Region&) = delete;
    Region& operator=(const Region&) = delete;
    ~Region() {
      const double end = omp_get_wtime();
      of_this_thread().add(end - start_, alone(), end);
    }
    /// The time one thread would have taken: all iterations at the pace of the fastest part. An interrupted part says
    /// nothing about the work.
    double alone() const { return pace_.load(std::memory_order_relaxed) * static_cast<double>(count_); }

    /// Records the pace of one part, in seconds per iteration.
    void add(double pace) {
      double least = pace_.load(std::memory_order_relaxed);
      while (pace < least && !pace_.compare_exchange_weak(least, pace, std::memory_order_relaxed)) continue;
    }

   private:
    Index count_;
    double start_ = omp_get_wtime();
    alignas(64) std::atomic<double> pace_ = 1e6;  // seconds per iteration; on a cache line of its own
  };

 private:
  // A stall lasts about one scheduler time slice, 4 ms. A single one may be an interruption. Two that forking does not
  // make up for start a pause of 50 ms. Each further attempt that loses a stall before it has saved `enough` lengthens
  // the pause, to 200 and then 800 ms.
  static constexpr double stall = 200e-6, one_stall = 2e-3, enough = 5e-3, first_rest = 0.05, longest_rest = 0.8;

  double lost_ = 0, rest_ = 0, resume_ = 0;  // lost: negative if forking has saved more than it cost
};

}}}  // namespace neutra::NEUTRA_ABI::cpu
