// Shared memory of an emulated block: every access is checked for bounds, for numbers that nobody has written, and for
// races, by what is known of the last accesses to the element.
#pragma once

#include "tests/cuda/emulated/warp.hpp"

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu { namespace emulated {

/// A thread that accesses an element now.
struct Access {
  unsigned thread;
  std::uint64_t epoch, first_epoch;  // the barriers so far, and those before this block
  const Warp* warp;

  unsigned lane() const { return thread % lanes_of_warp; }
  unsigned warp_number() const { return thread / lanes_of_warp; }
};

/// The last accesses to an element.
struct Traces {
  std::uint64_t written = 0, read = 0;                  // epochs
  std::uint32_t written_barrier = 0, read_barrier = 0;  // the warp's barriers at that time
  std::uint32_t read_lanes = 0, read_warps = 0;         // in that epoch; lanes: of the last warp that read
  std::uint16_t writer = 0, reader = 0;
};

class Array {
 public:
  std::size_t count() const { return count_; }
  std::size_t element() const { return element_; }
  std::byte* at(Index i) { return memory_.data() + static_cast<std::size_t>(i) * element_; }
  bool lives_since(std::uint64_t epoch) const { return born_ >= epoch; }
  /// A new block begins: every number is NaN.
  void renew(const char* name, std::size_t element, std::size_t count, std::uint64_t epoch) {
    name_ = name;
    element_ = element;
    count_ = count;
    born_ = epoch;
    memory_.assign(element * count, std::byte{0xff});
    traces_.resize(count);
  }

  /// What is wrong with reading element i; empty: nothing.
  std::string read(Index i, const Access& by) {
    if (i < 0 || static_cast<std::size_t>(i) >= count_) return outside(i, "read");
    Traces& t = traces_[static_cast<std::size_t>(i)];
    if (t.written < by.first_epoch) return concat(named(i), " is read, and no thread has written it");
    if (!after_write(t, by)) return race(i, "reads", t.writer, "wrote");
    const unsigned warp = by.warp_number();
    if (t.read != by.epoch) {
      t.read_lanes = t.read_warps = 0;
    } else if (t.reader / lanes_of_warp != warp) {
      t.read_lanes = 0;
    } else if (t.read_lanes != 0 && t.read_barrier != by.warp->barriers()) {
      t.read_lanes &= ~by.warp->before(by.lane(), t.read_barrier);  // those reads come before this one
    }
    t.read = by.epoch;
    t.read_barrier = by.warp->barriers();
    t.read_lanes |= 1u << by.lane();
    t.read_warps |= 1u << warp;
    t.reader = static_cast<std::uint16_t>(by.thread);
    return {};
  }
  std::string write(Index i, const Access& by) {
    if (i < 0 || static_cast<std::size_t>(i) >= count_) return outside(i, "written");
    Traces& t = traces_[static_cast<std::size_t>(i)];
    if (!after_write(t, by)) return race(i, "writes", t.writer, "wrote");
    if (t.read == by.epoch) {
      if (t.read_warps & ~(1u << by.warp_number())) return race(i, "writes", t.reader, "or a thread of its kind read");
      const std::uint32_t early = t.read_lanes & ~by.warp->before(by.lane(), t.read_barrier);
      if (early != 0) return race(i, "writes", t.reader, "read");
    }
    t.written = by.epoch;
    t.written_barrier = by.warp->barriers();
    t.writer = static_cast<std::uint16_t>(by.thread);
    return {};
  }

 private:
  /// Whether a barrier, or a warp's, lies between the last write and this access, or the thread is the same.
  static bool after_write(const Traces& t, const Access& by) {
    if (t.written < by.first_epoch || t.written != by.epoch || t.writer == by.thread) return true;
    if (t.writer / lanes_of_warp != by.warp_number()) return false;
    return by.warp->before(by.lane(), t.written_barrier) >> (t.writer % lanes_of_warp) & 1u;
  }
  std::string named(Index i) const { return concat("element ", i, " of the shared array ", name_); }
  std::string outside(Index i, const char* what) const {
    return concat(named(i), " is ", what, ", which has ", count_, " elements");
  }
  std::string race(Index i, const char* does, unsigned other, const char* did) const {
    return concat(does, " ", named(i), ", which thread ", other, " ", did, ", with no barrier between: a race");
  }

  const char* name_ = "";
  std::size_t element_ = 0, count_ = 0;
  std::uint64_t born_ = 0;
  std::vector<std::byte> memory_;
  std::vector<Traces> traces_;
};

/// An element of a shared array: reads and writes like T.
template <class T> class Reference {
 public:
  Reference(Array* array, Index at) : array_(array), at_(at) {}
  Reference(const Reference&) = default;
  operator T() const { return read(); }
  /// As T is converted, for storage types.
  template <class U>
  requires(!std::is_same_v<U, T> && std::is_constructible_v<U, T> && !std::is_arithmetic_v<T>) explicit operator U()
      const {
    return static_cast<U>(read());
  }
  const Reference& operator=(const T& value) const {
    before_write();
    std::memcpy(array_->at(at_), &value, sizeof value);
    return *this;
  }
  const Reference& operator=(const Reference& other) const { return *this = other.read(); }
  const Reference& operator+=(const T& value) const { return *this = read() + value; }
  const Reference& operator-=(const T& value) const { return *this = read() - value; }
  const Reference& operator*=(const T& value) const { return *this = read() * value; }

 private:
  void before_read() const;
  void before_write() const;
  T read() const {
    before_read();
    T value;
    std::memcpy(static_cast<void*>(&value), array_->at(at_), sizeof value);
    return value;
  }
  Array* array_;
  Index at_;
};

/// What NEUTRA_SHARED declares; passed and indexed like a pointer.
template <class T> class Shared {
 public:
  Shared(Array* array, Index first) : array_(array), first_(first) {}
  Reference<T> operator[](Index i) const { return {array_, first_ + i}; }
  Reference<T> operator*() const { return {array_, first_}; }
  friend Shared operator+(Shared array, Index i) { return {array.array_, array.first_ + i}; }

 private:
  Array* array_;
  Index first_;
};

}}}}  // namespace neutra::NEUTRA_ABI::gpu::emulated
