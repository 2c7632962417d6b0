/// Loops shared out among threads, and memory that stays with a thread.
#pragma once

#include "neutra/backend/cpu/fork_cost.hpp"
#include "neutra/core/tensor.hpp"

#include <omp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu {

/// How many threads work of that many elementary steps is worth: below `least` a fork costs more than it saves. Inside
/// a parallel region of the caller, and while forks do not pay: one.
inline int threads_for(Index steps, Index least) {
  return steps < least || omp_in_parallel() || !ForkCost::of_this_thread().pays() ? 1 : omp_get_max_threads();
}

/// An exception that leaves an OpenMP region ends the program: the first one is kept, and thrown when all threads are
/// done.
class FirstException {
 public:
  template <class F> void keep_from(const F& f, Index n) noexcept {
    try {
      f(n);
    } catch (...) {
#pragma omp critical(neutra_first_exception)
      if (!first_) first_ = std::current_exception();
    }
  }
  void rethrow() const {
    if (first_) std::rethrow_exception(first_);
  }

 private:
  std::exception_ptr first_;
};

/// How a loop is shared out: a stretch of equal length for each thread; or in tasks, where who has done its own stretch
/// goes on with another's. Either way a thread meets the same part of a matrix from loop to loop, which its own cache
/// may still hold.
enum class Schedule { stretches, tasks };

/// The parts of for_each that need several threads; apart from it, so that the loop of one thread is small enough to be
/// inlined (15 % of a short row).
template <class F> void fork_stretches(int threads, Index count, const F& f) {
  FirstException exception;
  {
    ForkCost::Region region(count);
#pragma omp parallel num_threads(threads)
    {
      ForkCost::Region::Part part(region);
      // shared out here, because libomp asks for memory in every loop that it shares out
      const Index own = omp_get_thread_num(), team = omp_get_num_threads();
      for (Index n = count * own / team, end = count * (own + 1) / team; n < end; ++n) {
        exception.keep_from(f, n);
        ++part.iterations;
      }
    }
  }
  exception.rethrow();
}

template <class F> void fork_tasks(int threads, Index count, const F& f) {
  constexpr int most = 64;  // with more threads than that several begin with the same stretch
  struct alignas(64) Next {
    std::atomic<Index> task;
  };
  std::array<Next, most> next;
  const int stretches = std::min(threads, most);
  for (int s = 0; s < stretches; ++s) next[static_cast<std::size_t>(s)].task = count * s / stretches;
  FirstException exception;
  {
    ForkCost::Region region(count);
#pragma omp parallel num_threads(threads)
    {
      ForkCost::Region::Part part(region);
      for (int step = 0, own = omp_get_thread_num(); step < stretches; ++step) {
        const int s = (own + step) % stretches;
        auto& task = next[static_cast<std::size_t>(s)].task;
        const Index end = count * (s + 1) / stretches;
        for (Index n = task.fetch_add(1, std::memory_order_relaxed); n < end;
             n = task.fetch_add(1, std::memory_order_relaxed)) {
          exception.keep_from(f, n);
          ++part.iterations;
        }
      }
    }
  }
  exception.rethrow();
}

/// f(n) for n = 0 .. count-1. One thread works without a team: for a team of one libgomp asks for memory each time.
template <Schedule schedule, class F> void for_each(int threads, Index count, const F& f) {
  if (count > 1 && threads > 1)
    return schedule == Schedule::stretches ? fork_stretches(threads, count, f) : fork_tasks(threads, count, f);
  for (Index n = 0; n < count; ++n) f(n);
}

/// What a thread's memory is for: one piece each, so that two that are in use at once do not meet.
enum class Scratch {
  column_sums,
  attention_weights,
  attention_slopes,
  query_gradient,
  key_gradient,
  value_gradient,
  panels,
  sums
};

/// Memory of the calling thread that only grows: no allocation once sizes have settled. What it held is lost when it
/// grows. `least`: how much is taken at first. Error: there is no memory left.
template <Storage S, Scratch purpose> S* scratch(Index size, Index least = 0) {
  thread_local Tensor<S> memory;
  if (memory.size() < size) {
    const Index room = std::max({size, least, 2 * memory.size()});  // twice the last: a text grows by a token at a time
    memory = Tensor<S>();  // given back first, so that both are never held at once
    memory = Tensor<S>(Shape{room});
  }
  return memory.data();
}

}}}  // namespace neutra::NEUTRA_ABI::cpu
