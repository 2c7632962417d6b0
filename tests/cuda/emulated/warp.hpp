// A thread of an emulated block and what it waits for; a warp, whose lanes exchange numbers once all that a mask names
// have come.
#pragma once

#include "tests/cuda/emulated/fibers.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <exception>
#include <source_location>
#include <span>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu { namespace emulated {

inline constexpr unsigned lanes_of_warp = 32, every_lane = 0xffffffffu;

/// What a thread waits for.
enum class Wait { nothing, barrier, warp_barrier, shuffle_xor, shuffle_up, shuffle, ballot, matrices };

inline std::string to_string(Wait wait) {
  constexpr const char* names[] = {"nothing",    "barrier", "warp_barrier", "shuffle_xor",
                                   "shuffle_up", "shuffle", "ballot",       "mma"};
  return names[static_cast<int>(wait)];
}

inline std::string place(const std::source_location& where) {
  const std::string path = where.file_name();
  return concat(path.substr(path.find_last_of('/') + 1), ":", where.line());
}

inline bool same_place(const std::source_location& a, const std::source_location& b) {
  return a.line() == b.line() && a.column() == b.column() &&
         (a.file_name() == b.file_name() || std::strcmp(a.file_name(), b.file_name()) == 0);
}

/// A thread of the block: its code on a stack of its own, and what it gave to the others where it stopped.
struct Thread {
  Fiber fiber;
  unsigned number = 0;
  bool ended = false;
  Wait wait = Wait::nothing;
  std::uint32_t mask = 0;  // the lanes that it waits for
  std::source_location where;
  unsigned source = 0;  // the lane whose number it takes
  alignas(16) std::array<std::byte, 48> given{}, taken{};
  std::exception_ptr failure;

  unsigned lane() const { return number % lanes_of_warp; }
  bool runs() const { return !ended && wait == Wait::nothing; }
  template <class T> void give(const T& value) {
    static_assert(sizeof(T) <= 48);
    std::memcpy(given.data(), &value, sizeof value);
  }
  template <class T> T take() const {
    T value;
    std::memcpy(static_cast<void*>(&value), taken.data(), sizeof value);
    return value;
  }
  template <class T> T gave() const {
    T value;
    std::memcpy(static_cast<void*>(&value), given.data(), sizeof value);
    return value;
  }
  /// "warp_barrier at rows.hpp:12", "nothing more: it has ended"
  std::string waits_for() const {
    if (ended) return "has ended";
    return wait == Wait::nothing ? "runs" : concat("is at the ", to_string(wait), " of ", place(where));
  }
};

/// The operands of a lane in an m16n8k16 product: pairs of bf16 in words, sums in float. PTX ISA, mma.m16n8k16
struct Fragments {
  std::uint32_t a[4], b[2];
  float c[4];
};

/// c += a b of the fragments that the 32 lanes gave. Sums run in ascending k, in float.
inline void multiply(std::span<Thread> lanes) {
  float a[16][16], b[16][8], c[16][8];
  const auto number = [](std::uint32_t word, int half) {
    bf16 x;
    x.bits = static_cast<std::uint16_t>(word >> (16 * half));
    return static_cast<float>(x);
  };
  for (unsigned lane = 0; lane < lanes_of_warp; ++lane) {
    const auto f = lanes[lane].gave<Fragments>();
    const unsigned group = lane / 4, place = lane % 4;
    for (unsigned half = 0; half < 2; ++half) {
      for (unsigned word = 0; word < 4; ++word)
        a[group + 8 * (word % 2)][2 * place + half + 8 * (word / 2)] = number(f.a[word], static_cast<int>(half));
      for (unsigned word = 0; word < 2; ++word)
        b[2 * place + half + 8 * word][group] = number(f.b[word], static_cast<int>(half));
    }
    for (unsigned i = 0; i < 4; ++i) c[group + 8 * (i / 2)][2 * place + i % 2] = f.c[i];
  }
  for (int row = 0; row < 16; ++row)
    for (int k = 0; k < 16; ++k)
      for (int column = 0; column < 8; ++column) c[row][column] += a[row][k] * b[k][column];
  for (unsigned lane = 0; lane < lanes_of_warp; ++lane) {
    float sums[4];
    for (unsigned i = 0; i < 4; ++i) sums[i] = c[lane / 4 + 8 * (i / 2)][2 * (lane % 4) + i % 2];
    std::memcpy(lanes[lane].taken.data(), sums, sizeof sums);
  }
}

/// The lanes of a block that run in lockstep where they exchange numbers.
class Warp {
 public:
  explicit Warp(std::span<Thread> threads) : threads_(threads) {}

  /// Completes what all named lanes have come to; whether there was anything.
  bool settle() {
    bool any = false;
    for (Thread& thread : threads_) {
      if (thread.ended || thread.wait < Wait::warp_barrier || missing(thread) < lanes_of_warp) continue;
      complete(thread.wait, thread.mask);
      any = true;
    }
    return any;
  }
  /// The first lane that keeps this one waiting; 32: none.
  unsigned missing(const Thread& thread) const {
    for (unsigned lane = 0; lane < lanes_of_warp; ++lane) {
      if (!(thread.mask >> lane & 1u)) continue;
      if (lane >= threads_.size()) return lane;
      const Thread& other = threads_[lane];
      if (other.ended || other.wait != thread.wait || other.mask != thread.mask) return lane;
    }
    return lanes_of_warp;
  }
  std::span<Thread> threads() const { return threads_; }

  /// Warp barriers since the last barrier of the block.
  std::uint32_t barriers() const { return count_; }
  void forget_barriers() {
    barriers_.clear();
    count_ = 0;
  }
  /// The lanes all of whose accesses before the warp's barrier number `since` come before what `lane` does now.
  std::uint32_t before(unsigned lane, std::uint32_t since) const {
    std::uint32_t known = 1u << lane;
    for (std::uint32_t i = barriers(); i-- > since;)
      if (barriers_[i] & known) known |= barriers_[i];
    return known;
  }

 private:
  void complete(Wait wait, std::uint32_t mask) {
    if (wait == Wait::warp_barrier) {
      barriers_.push_back(mask);
      ++count_;
    }
    if (wait == Wait::matrices) multiply(threads_);
    std::uint32_t votes = 0;
    for (unsigned lane = 0; lane < threads_.size(); ++lane)
      if (mask >> lane & 1u) votes |= (threads_[lane].gave<std::uint32_t>() & 1u) << lane;
    for (unsigned lane = 0; lane < threads_.size(); ++lane) {
      if (!(mask >> lane & 1u)) continue;
      Thread& thread = threads_[lane];
      if (wait == Wait::ballot) std::memcpy(thread.taken.data(), &votes, sizeof votes);
      if (wait >= Wait::shuffle_xor && wait <= Wait::shuffle) thread.taken = threads_[thread.source].given;
      thread.wait = Wait::nothing;
    }
  }

  std::span<Thread> threads_;
  std::vector<std::uint32_t> barriers_;  // their masks
  std::uint32_t count_ = 0;              // of them
};

}}}}  // namespace neutra::NEUTRA_ABI::gpu::emulated
