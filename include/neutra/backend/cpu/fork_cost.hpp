/// Whether several threads are faster than one at present.
///
/// A parallel region ends when its last thread is done. Where other processes use the cores too, that thread may be
/// waiting for a core while the others wait for it, and a region of microseconds takes milliseconds, whatever the
/// OpenMP runtime waits with. Results do not depend on the number of threads, so the loops go on with one thread for a
/// while, and then try again.
#pragma once

#include "neutra/core/scalar.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu {

/// What stalled parallel regions have cost the thread that forks them, against what the others have saved. One object
/// per forking thread.
class ForkCost {
 public:
  using Clock = std::chrono::steady_clock;
  using Duration = Clock::duration;

  static ForkCost& of_this_thread() {
    thread_local ForkCost cost;
    return cost;
  }

  /// Off: loops always fork. For tests and measurements that need the team in every step.
  static inline std::atomic<bool> enabled = true;

  /// Whether to fork now.
  bool pays(Clock::time_point now) const {
    return rest_ == Duration::zero() || now >= resume_ || !enabled.load(std::memory_order_relaxed);
  }
  bool pays() const { return rest_ == Duration::zero() || pays(Clock::now()); }

  /// Adds a region that ends now; `alone`: what one thread would have taken. A loss below `stall` is the cost of
  /// forking itself, which the loops' own limits are for.
  void add(Duration region, Duration alone, Clock::time_point now) {
    const Duration loss = region - alone * 9 / 10;
    if (loss < Duration::zero() || loss > stall) lost_ = std::max(lost_ + loss, -enough);
    if (lost_ == -enough) rest_ = Duration::zero();
    if (lost_ <= (rest_ == Duration::zero() ? enough : one_stall)) return;
    rest_ = std::clamp(4 * rest_, first_rest, longest_rest);
    resume_ = now + rest_;
    lost_ = Duration::zero();
  }

  /// Times one region of `count` iterations, all alike.
  class Region {
   public:
    /// One thread's own iterations, from construction to destruction.
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
    /// What one thread would have taken: all iterations at the pace of the fastest part, since a part that was
    /// interrupted says nothing of its work.
    Duration alone() const {
      return std::chrono::duration_cast<Duration>(
          std::chrono::duration<double>(pace_.load(std::memory_order_relaxed) * static_cast<double>(count_)));
    }

    /// The pace of one part, in seconds an iteration.
    void add(double pace) {
      double least = pace_.load(std::memory_order_relaxed);
      while (pace < least && !pace_.compare_exchange_weak(least, pace, std::memory_order_relaxed)) continue;
    }

   private:
    Index count_;
    Clock::time_point start_ = Clock::now();
    alignas(64) std::atomic<double> pace_ = 1e6;  // seconds an iteration; apart from what the forking thread reads
  };

 private:
  // A stall lasts a scheduler's time slice of some 4 ms. One may be a single interruption; two that forking does not
  // make good begin a rest of 50 ms, then 200, then 800, as long as each attempt loses a stall before it has saved as
  // much as ends the matter.
  static constexpr Duration stall = std::chrono::microseconds(200), one_stall = std::chrono::milliseconds(2),
                            enough = std::chrono::milliseconds(5);
  static constexpr Duration first_rest = std::chrono::milliseconds(50), longest_rest = std::chrono::milliseconds(800);

  Duration lost_{}, rest_{};  // lost: less than zero where forking has saved more
  Clock::time_point resume_{};
};

}}}  // namespace neutra::NEUTRA_ABI::cpu
