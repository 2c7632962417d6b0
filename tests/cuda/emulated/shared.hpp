// Shared memory of an emulated block: every access is checked for bounds, for numbers that nobody has written, and for
// races, by what is known of the last accesses to the element.
#pragma once

#include "tests/cuda/emulated/warp.hpp"

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

/// Runs at every access of device code to shared memory: checked by itself, and not by the sanitizer too.
#define NEUTRA_EMULATED_HOT [[gnu::no_sanitize_address]]

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
  std::byte* at(Index i) { return memory_at_ + static_cast<std::size_t>(i) * element_; }
  bool lives_since(std::uint64_t epoch) const { return born_ >= epoch; }
  /// A new block begins: every number is NaN.
  void renew(const char* name, std::size_t element, std::size_t count, std::uint64_t epoch) {
    name_ = name;
    element_ = element;
    count_ = count;
    born_ = epoch;
    memory_.assign(element * count, std::byte{0xff});
    if (traces_.size() < count) traces_.resize(count);
    memory_at_ = memory_.data();
    traces_at_ = traces_.data();
  }

  /// Notes that an element is read; false, and nothing noted, if that is a fault.
  NEUTRA_EMULATED_HOT bool read(Index i, const Access& by) {
    if (!inside(i)) return false;
    Traces& t = traces_at_[i];
    if (t.written < by.first_epoch || !after_write(t, by)) return false;
    const unsigned warp = by.warp_number();
    if (t.read != by.epoch) {
      t.read_lanes = t.read_warps = 0;
    } else if (t.reader / lanes_of_warp != warp) {
      t.read_lanes = 0;
    } else if (t.read_barrier != by.warp->barriers()) {
      t.read_lanes &= ~by.warp->before(by.lane(), t.read_barrier);  // those reads come before this one
    }
    t.read = by.epoch;
    t.read_barrier = by.warp->barriers();
    t.read_lanes |= 1u << by.lane();
    t.read_warps |= 1u << warp;
    t.reader = static_cast<std::uint16_t>(by.thread);
    return true;
  }
  NEUTRA_EMULATED_HOT bool write(Index i, const Access& by) {
    if (!inside(i)) return false;
    Traces& t = traces_at_[i];
    if (!after_write(t, by) || !after_reads(t, by)) return false;
    t.written = by.epoch;
    t.written_barrier = by.warp->barriers();
    t.writer = static_cast<std::uint16_t>(by.thread);
    return true;
  }
  /// What is wrong where read() or write() says false.
  std::string fault_of(Index i, const Access& by, bool reads) const {
    const std::string named = concat("element ", i, " of the shared array ", name_);
    if (!inside(i)) return concat(named, " is ", reads ? "read" : "written", ", which has ", count_, " elements");
    const Traces& t = traces_at_[i];
    if (reads && t.written < by.first_epoch) return concat(named, " is read, and no thread has written it");
    const bool after_writes = after_write(t, by);
    return concat(reads ? "reads " : "writes ", named, ", which thread ", after_writes ? t.reader : t.writer,
                  after_writes ? " read" : " wrote", ", with no barrier between: a race");
  }

 private:
  /// Whether a barrier, or a warp's, lies between the last write and this access, or the thread is the same.
  NEUTRA_EMULATED_HOT static bool after_write(const Traces& t, const Access& by) {
    if (t.written < by.first_epoch || t.written != by.epoch || t.writer == by.thread) return true;
    if (t.writer / lanes_of_warp != by.warp_number()) return false;
    return by.warp->before(by.lane(), t.written_barrier) >> (t.writer % lanes_of_warp) & 1u;
  }
  NEUTRA_EMULATED_HOT static bool after_reads(const Traces& t, const Access& by) {
    if (t.read != by.epoch) return true;
    if (t.read_warps & ~(1u << by.warp_number())) return false;
    return (t.read_lanes & ~(1u << by.lane())) == 0 ||
           (t.read_lanes & ~by.warp->before(by.lane(), t.read_barrier)) == 0;
  }
  NEUTRA_EMULATED_HOT bool inside(Index i) const { return i >= 0 && i < static_cast<Index>(count_); }

  const char* name_ = "";
  std::size_t element_ = 0, count_ = 0;
  std::uint64_t born_ = 0;
  std::vector<std::byte> memory_;
  std::vector<Traces> traces_;
  // Of the vectors, whose functions the sanitizer slows down.
  std::byte* memory_at_ = nullptr;
  Traces* traces_at_ = nullptr;
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
