/// Whether several threads are faster than one at present.
///
/// A parallel region ends when its last thread is done. Where other processes use the cores too, that thread may be waiting for a core while the
/// others wait for it, and a region of microseconds takes milliseconds, whatever the OpenMP runtime waits with. Results do not depend on the number
/// of threads, so the loops go on with one thread for a while, and then try again.
#pragma once

#include "neutra/core/config.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>

namespace neutra::inline NEUTRA_ABI::cpu {

/// What parallel regions cost the thread that forks them, as the time they take against the work done in them. One object per forking thread.
class ForkCost {
 public:
  using Clock = std::chrono::steady_clock;
  using Duration = Clock::duration;

  static ForkCost& of_this_thread() {
    thread_local ForkCost cost;
    return cost;
  }

  /// Off: loops always fork. For tests that need the team in every step.
  static inline std::atomic<bool> enabled = true;

  /// Whether to fork now.
  bool pays(Clock::time_point now) const { return rest_ == Duration::zero() || now >= resume_; }
  bool pays() const { return rest_ == Duration::zero() || pays(Clock::now()); }

  /// Adds a region that ends now: its duration, and the sum of what its threads spent on their own parts, about what one thread would have taken.
  void add(Duration region, Duration work, Clock::time_point now) {
    region_ += region;
    work_ += work;
    if (region_ < window) return;
    const bool paid = !enabled || region_ < work_ * 9 / 10;
    region_ = work_ = Duration::zero();
    if (paid) {
      slow_windows_ = 0;
      rest_ = Duration::zero();
    } else if (++slow_windows_ > 1) {  // one alone may be a single interruption of a few milliseconds
      rest_ = std::clamp(4 * rest_, first_rest, longest_rest);
      resume_ = now + rest_;
    }
  }

  /// Times one region.
  class Region {
   public:
    /// One thread's own part, from construction to destruction.
    class Part {
     public:
      explicit Part(Region& region) : region_(region) {}
      Part(const Part&) = delete;
      Part& operator=(const Part&) = delete;
      ~Part() { region_.work_.fetch_add((Clock::now() - start_).count(), std::memory_order_relaxed); }

     private:
      Region& region_;
      Clock::time_point start_ = Clock::now();
    };

    Region() = default;
    Region(const Region&) = delete;
    Region& operator=(const Region&) = delete;
    ~Region() {
      const Clock::time_point end = Clock::now();
      of_this_thread().add(end - start_, work(), end);
    }
    /// Of the parts that have ended.
    Duration work() const { return Duration(work_.load(std::memory_order_relaxed)); }

   private:
    Clock::time_point start_ = Clock::now();
    std::atomic<Duration::rep> work_ = 0;
  };

 private:
  // A stall lasts a scheduler's time slice of 3 to 4 ms, so a window of 1 ms ends with the first one. Two slow windows and a rest of 50 ms, then 200,
  // then 800: a command of 0.1 s beside a busy process on each core takes 1.0 to 1.4 times what one thread takes, and a longer one loses 1 %.
  static constexpr Duration window = std::chrono::milliseconds(1);
  static constexpr Duration first_rest = std::chrono::milliseconds(50), longest_rest = std::chrono::milliseconds(800);

  Duration region_{}, work_{}, rest_{};
  Clock::time_point resume_{};
  int slow_windows_ = 0;  // in a row
};

}  // namespace neutra::inline NEUTRA_ABI::cpu
