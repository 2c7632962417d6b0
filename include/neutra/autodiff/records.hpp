/// The backward closures of a step.
#pragma once

#include "neutra/autodiff/closure.hpp"

#include <cstdint>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace detail {

/// The backward closures in the order of their ops, and the memory of all closures of the step.
template <class Tape> class Records {
 public:
  struct Record {
    std::uint32_t output = 0;
    Closure<Tape> backward;
  };

  template <class F> Closure<Tape> keep(const F& f) { return {closures_, f}; }
  template <class F> void push(std::uint32_t output, const F& backward) {
    records_.push_back({output, keep(backward)});
  }
  std::size_t count() const { return records_.size(); }
  void clear() {
    records_.clear();
    closures_.clear();
  }
  void cut(std::size_t first) { records_.resize(first); }

  /// Calls f(record) from the last record back to `first`, then removes these records.
  template <class F> void run_backward(std::size_t first, const F& f) {
    for (std::size_t at = records_.size(); at-- > first;) {
      const Record record = records_[at];  // a copy: recomputation inside f appends records
      f(record);
    }
    cut(first);
  }

 private:
  Arena closures_;
  std::vector<Record> records_;
};

}}}  // namespace neutra::NEUTRA_ABI::detail
