/// Decides whether several threads are currently faster than one.
///
/// A parallel region ends with its last thread. If other processes use the cores too, that thread may be waiting for a
/// core while the others wait for it, and a region of microseconds takes milliseconds, whatever way of waiting the
/// OpenMP runtime has. Since results do not depend on the number of threads, loops then continue on one thread for a
/// while before they try again.
#pragma once

#include "neutra/core/scalar.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu {

/// Compares what stalled parallel regions cost the forking thread with what the others saved.
/// One object per forking thread.
class ForkCost {
 public:
  using Clock = std::chrono::steady_clock;
  using Duration = Clock::duration;

  static ForkCost& of_this_thread() {
    thread_local ForkCost cost;
    return cost;
  }

  /// If off, loops always fork: for tests and measurements that need all threads in every step.
  static inline std::atomic<bool> enabled = true;

  /// Whether to fork now.
  bool pays(Clock::time_point now) const {
    return rest_ == Duration::zero() || now >= resume_ || !enabled.load(std::memory_order_relaxed);
  }
  bool pays() const { return rest_ == Duration::zero() || pays(Clock::now()); }

  /// Records a region that ends now; `alone` is the time one thread would have taken. A loss below `stall` is the
  /// normal cost of forking, which the loops' thresholds account for.
  void add(Duration region, Duration alone, Clock::time_point now) {
    const Duration loss = region - alone * 9 / 10;
    if (loss < Duration::zero() || loss > stall) lost_ = std::max(lost_ + loss, -enough);
    if (lost_ == -enough) rest_ = Duration::zero();
    if (lost_ <= (rest_ == Duration::zero() ? enough : one_stall)) return;
    rest_ = std::clamp(4 * rest_, first_rest, longest_rest);
    resume_ = now + rest_;
    lost_ = Duration::zero();
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
        if (iterations > 0)
          region_.add(std::chrono::duration<double>(Clock::now() - start_).count() / static_cast<double>(iterations));
      }
      Index iterations = 0;

     private:
      Region& region_;
      Clock::time_point start_ = Clock::now();
    };

    explicit Region(Index count) : count_(count) {}
    Region(const Region&) = delete;
    Region& operator=(const Region&) = delete;
    ~Region() {
      const Clock::time_point end = Clock::now();
      of_this_thread().add(end - start_, alone(), end);
    }
    /// The time one thread would have taken: all iterations at the pace of the fastest part. An interrupted part says
    /// nothing about the work.
    Duration alone() const {
      return std::chrono::duration_cast<Duration>(
          std::chrono::duration<double>(pace_.load(std::memory_order_relaxed) * static_cast<double>(count_)));
    }

    /// Records the pace of one part, in seconds per iteration.
    void add(double pace) {
      double least = pace_.load(std::memory_order_relaxed);
      while (pace < least && !pace_.compare_exchange_weak(least, pace, std::memory_order_relaxed)) continue;
    }

   private:
    Index count_;
    Clock::time_point start_ = Clock::now();
    alignas(64) std::atomic<double> pace_ = 1e6;  // seconds per iteration; on a cache line of its own
  };

 private:
  // A stall lasts about one scheduler time slice, 4 ms. A single one may be an interruption. Two that forking does not
  // make up for start a pause of 50 ms. Each further attempt that loses a stall before it has saved `enough` lengthens
  // the pause, to 200 and then 800 ms.
  static constexpr Duration stall = std::chrono::microseconds(200), one_stall = std::chrono::milliseconds(2),
                            enough = std::chrono::milliseconds(5);
  static constexpr Duration first_rest = std::chrono::milliseconds(50), longest_rest = std::chrono::milliseconds(800);

  Duration lost_{}, rest_{};  // lost: negative if forking has saved more than it cost
  Clock::time_point resume_{};
};

}}}  // namespace neutra::NEUTRA_ABI::cpu
