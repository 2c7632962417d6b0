/// What ops remember of the tokens before those of a forward pass, so that generation reads each token once.
#pragma once

#include "neutra/backend/backend.hpp"
#include "neutra/backend/operand.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI {

/// The past of one sequence: for each op that reads earlier tokens, their rows (keys and values of attention) or what
/// is left of them (the running sum of a causal mean). An op finds its own by the order of the calls, which must be the
/// same in every pass. Ops that read one token at a time need none. Memory grows with the tokens, by doubling.
///     past.begin_pass();  ops on a tape with this past (see Tape::past);  past.end_pass(tokens)
template <Scalar S, Backend D> class Past {
 public:
  /// The number of tokens before those of this pass.
  Index length() const { return length_; }
  void clear() { *this = Past(); }

  void begin_pass() { rows_used_ = numbers_used_ = 0; }
  /// Error: fewer ops continued it than in the passes before.
  void end_pass(Index tokens) {
    require_same(rows_used_ == rows_.size() && numbers_used_ == numbers_.size());
    length_ += tokens;
  }

  // ---- for ops. Error: the ops are others than in the passes before.

  /// x behind the rows of the passes before.      x: (T,C), contiguous  result: (length()+T, C), in the dtype of x
  AnyView<S> append(const AnyView<S>& x) {
    const auto bytes = [row = static_cast<std::size_t>(x.cols()) * size_of(x.dtype)](Index rows) {
      return static_cast<std::size_t>(rows) * row;
    };
    if (rows_used_ == rows_.size() && length_ == 0) rows_.emplace_back();
    require_same(rows_used_ < rows_.size());
    Tensor<std::uint8_t, D>& held = rows_[rows_used_++];
    const Index row_bytes = static_cast<Index>(bytes(1)), rows = length_ + x.rows();
    require_same(length_ == 0 || held.shape().cols() == row_bytes);
    if (held.empty() || rows > held.shape().rows() || held.shape().cols() != row_bytes) {
      Tensor<std::uint8_t, D> larger(Shape{held.empty() ? rows : std::max(rows, 2 * held.shape().rows()), row_bytes});
      if (length_ > 0) D::copy(held.data(), larger.data(), bytes(length_));
      held = std::move(larger);
    }
    D::copy(x.data, held.data() + bytes(length_), bytes(x.rows()));
    return {held.data(), {rows, x.cols()}, x.dtype};
  }
  /// `count` numbers that the op leaves to itself in the next pass; zero in the first.
  S* numbers(Index count) {
    if (numbers_used_ == numbers_.size() && length_ == 0) numbers_.emplace_back(Shape{count});
    require_same(numbers_used_ < numbers_.size());
    Tensor<S, D>& held = numbers_[numbers_used_++];
    require_same(held.size() == count);
    return held.data();
  }

 private:
  static void require_same(bool same) {
    require(same,
            "Past: a past is continued by the ops that began it; give another model, or one with another "
            "adapter, a past of its own");
  }

  std::deque<Tensor<std::uint8_t, D>> rows_;  // the bytes of (capacity, C) elements
  std::deque<Tensor<S, D>> numbers_;
  std::size_t rows_used_ = 0, numbers_used_ = 0;
  Index length_ = 0;
};

}}  // namespace neutra::NEUTRA_ABI
