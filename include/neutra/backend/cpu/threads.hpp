/// Parallel loops, and per-thread scratch memory.
#pragma once

#include "neutra/backend/cpu/fork_cost.hpp"
#include "neutra/core/tensor.hpp"

#include <omp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu {

/// The number of threads for that many elementary steps: below `least`, a fork costs more than it saves. One thread
/// inside the caller's parallel region, and while forking does not pay.
inline int threads_for(Index steps, Index least) {
  return steps < least || omp_in_parallel() || !ForkCost::of_this_thread().pays() ? 1 : omp_get_max_threads();
}

/// An exception that leaves an OpenMP region would end the program. The first one is stored, and rethrown when all
/// threads are done.
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

/// How a loop is shared out: one equal range per thread, or per-thread ranges of tasks with work stealing. Either way a
/// thread gets the same part of a matrix from loop to loop, which its cache may still hold.
enum class Schedule { ranges, tasks };

/// The multithreaded part of for_each. Separate, so that the single-threaded loop is small enough to be inlined (15 %
/// of a short row).
template <class F> void fork_ranges(int threads, Index count, const F& f) {
  FirstException exception;
  {
    ForkCost::Region region(count);
#pragma omp parallel num_threads(threads)
    {
      ForkCost::Region::Part part(region);
      // Divided here, because libomp allocates memory in every loop that it divides.
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
  constexpr int most = 64;  // with more threads, several start on the same range
  struct alignas(64) Next {
    std::atomic<Index> task;
  };
  std::array<Next, most> next;
  const int ranges = std::min(threads, most);
  for (int s = 0; s < ranges; ++s) next[static_cast<std::size_t>(s)].task = count * s / ranges;
  FirstException exception;
  {
    ForkCost::Region region(count);
#pragma omp parallel num_threads(threads)
    {
      ForkCost::Region::Part part(region);
      for (int step = 0, own = omp_get_thread_num(); step < ranges; ++step) {
        const int s = (own + step) % ranges;
        auto& task = next[static_cast<std::size_t>(s)].task;
        const Index end = count * (s + 1) / ranges;
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

/// f(n) for n = 0 .. count-1. A single thread runs without a team, for which libgomp would allocate memory each time.
template <Schedule schedule, class F> void for_each(int threads, Index count, const F& f) {
  if (count > 1 && threads > 1)
    return schedule == Schedule::ranges ? fork_ranges(threads, count, f) : fork_tasks(threads, count, f);
  for (Index n = 0; n < count; ++n) f(n);
}

/// The purposes of scratch memory: one buffer each, so that buffers in use at the same time are distinct.
enum class Scratch {
  column_sums,
  attention_weights,
  attention_slopes,
  attention_cap,
  query_gradient,
  key_gradient,
  value_gradient,
  panels,
  sums
};

/// Scratch memory of the calling thread. It only grows, so that allocation stops once sizes have settled. Growing
/// discards the content. `least`: the minimum to allocate. Error: out of memory.
template <Storage S, Scratch purpose> S* scratch(Index size, Index least = 0) {
  thread_local Tensor<S> memory;
  if (memory.size() < size) {
    const Index capacity =
        std::max({size, least, 2 * memory.size()});  // doubles, as a text grows by one token at a time
    memory = Tensor<S>();                            // freed first, so that the old and the new buffer never coexist
    memory = Tensor<S>(Shape{capacity});
  }
  return memory.data();
}

}}}  // namespace neutra::NEUTRA_ABI::cpu
