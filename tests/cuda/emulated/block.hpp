// A block of an emulated kernel: its threads run one after another, each until it waits for others.
#pragma once

#include "tests/cuda/emulated/shared.hpp"
#include "tests/cuda/emulated/warp.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu { namespace emulated {

/// The order in which threads of a block, and blocks, run: ascending, or random (a race then shows in the result).
class Order {
 public:
  std::optional<std::mt19937_64> random;

  /// Calls f with 0 .. count-1.
  template <class F> void visit(unsigned count, const F& f) {
    if (!random) {
      for (unsigned i = 0; i < count; ++i) f(i);
      return;
    }
    std::vector<unsigned> all(count);
    std::iota(all.begin(), all.end(), 0u);
    std::shuffle(all.begin(), all.end(), *random);
    for (const unsigned i : all) f(i);
  }
};

/// What every thread runs.
struct Code {
  const void* kernel;
  void (*call)(const void* kernel);
};

class Block {
 public:
  /// The block that runs. Null: host code runs.
  static Block*& current() {
    static Block* block = nullptr;
    return block;
  }

  unsigned number() const { return number_; }
  unsigned blocks() const { return blocks_; }
  unsigned threads() const { return static_cast<unsigned>(threads_.size()); }
  Thread& thread() { return *running_; }

  /// Runs blocks 0 .. blocks-1 of a kernel, `code` on each of `threads` threads. Error: what a thread threw; a thread
  /// that waits for ever.
  void launch(std::string_view kernel, unsigned blocks, unsigned threads, const Code& code, Order& order) {
    kernel_ = kernel;
    blocks_ = blocks;
    code_ = &code;
    if (stacks_.size() < threads) stacks_.resize(threads);
    threads_ = std::span(stacks_).first(threads);
    warps_.clear();
    for (unsigned first = 0; first < threads; first += lanes_of_warp)
      warps_.emplace_back(threads_.subspan(first, std::min(lanes_of_warp, threads - first)));
    current() = this;
    const std::shared_ptr<void> host_again(nullptr, [](void*) { current() = nullptr; });
    order.visit(blocks, [&](unsigned block) { run(block, order); });
  }

  // ---- what a thread calls

  /// Throws an Error that names kernel, block and thread.
  template <class... Parts> [[noreturn]] void fault(const Thread& thread, const Parts&... parts) const {
    fail("kernel ", kernel_, ", block ", number_, ", thread ", thread.number, ": ", parts...);
  }
  template <class... Parts> [[noreturn]] void fault(const Parts&... parts) const { fault(*running_, parts...); }
  std::string name_of_running() const {
    return concat("kernel ", kernel_, ", block ", number_, ", thread ", running_ ? running_->number : 0);
  }

  /// Stops the thread until all threads of the block, or the lanes of the mask, have come.
  void wait(Wait wait, std::uint32_t mask, const std::source_location& where) {
    Thread& thread = *running_;
    if (wait != Wait::barrier && !(mask >> thread.lane() & 1u))
      fault(to_string(wait), " of ", place(where), " with the mask ", in_hex(mask), ", which does not name lane ",
            thread.lane(), " that calls it");
    thread.wait = wait;
    thread.mask = mask;
    thread.where = where;
    thread.fiber.stop();
  }
  /// The number that lane `source` gives.
  template <class T>
  T exchange(Wait kind, std::uint32_t mask, const T& value, unsigned source, const std::source_location& where) {
    Thread& thread = *running_;
    if (!(mask >> source & 1u))
      fault(to_string(kind), " of ", place(where), " takes the number of lane ", source, ", which the mask ",
            in_hex(mask), " does not name");
    thread.give(value);
    thread.source = source;
    wait(kind, mask, where);
    return thread.take<T>();
  }
  /// The block's shared array of this name; `key` is an address of its own for every declaration.
  template <class T> Shared<T> shared(const void* key, const char* name, std::size_t count) {
    auto& array = arrays_[key];
    if (!array) array = std::make_unique<Array>();
    if (!array->lives_since(first_epoch_)) {
      array->renew(name, sizeof(T), count, epoch_);
      shared_bytes_ += count * sizeof(T);
      if (shared_bytes_ > shared_limit)
        fault("the block's shared arrays take ", shared_bytes_, " bytes, and a block may have ", shared_limit, "; ",
              name, " is the last of them");
    } else if (array->count() != count || array->element() != sizeof(T)) {
      fault("the shared array ", name, " has ", array->count(), " elements for one thread and ", count,
            " for this one");
    }
    return Shared<T>(array.get(), 0);
  }
  NEUTRA_EMULATED_HOT void reads(Array& array, Index at) {
    if (!array.read(at, access())) [[unlikely]]
      fault(array.fault_of(at, access(), true));
  }
  NEUTRA_EMULATED_HOT void writes(Array& array, Index at) {
    if (!array.write(at, access())) [[unlikely]]
      fault(array.fault_of(at, access(), false));
  }

  static constexpr std::size_t shared_limit = 48 << 10;  // of arrays that are declared with their size

 private:
  Access access() const { return {running_->number, epoch_, first_epoch_, &warps_[running_->number / lanes_of_warp]}; }
  static std::string in_hex(std::uint32_t mask) {
    char digits[16];
    const auto end = std::to_chars(digits, digits + sizeof digits, mask, 16).ptr;
    return "0x" + std::string(digits, end);
  }
  void run(unsigned number, Order& order) {
    number_ = number;
    first_epoch_ = ++epoch_;
    shared_bytes_ = 0;
    for (Warp& warp : warps_) warp.forget_barriers();
    for (unsigned t = 0; t < threads(); ++t) {
      Thread& thread = threads_[t];
      thread.number = t;
      thread.ended = false;
      thread.wait = Wait::nothing;
      thread.failure = nullptr;
      thread.fiber.start(&Block::run_thread, this);
    }
    while (true) {
      order.visit(threads(), [&](unsigned t) {
        if (threads_[t].runs()) resume(threads_[t]);
      });
      if (std::all_of(threads_.begin(), threads_.end(), [](const Thread& t) { return t.ended; })) return;
      settle();
    }
  }
  void resume(Thread& thread) {
    running_ = &thread;
    warp_of_running_ = &warps_[thread.number / lanes_of_warp];
    thread.ended = !thread.fiber.resume();
    if (thread.failure) std::rethrow_exception(thread.failure);
  }
  static void run_thread(void* block) {
    auto* const self = static_cast<Block*>(block);
    try {
      self->code_->call(self->code_->kernel);
    } catch (...) {
      self->running_->failure = std::current_exception();
    }
  }
  /// Lets threads go on that wait for nobody any more. Error: there is none.
  void settle() {
    bool any = false;
    for (Warp& warp : warps_) any |= warp.settle();
    if (any) return;
    for (const Warp& warp : warps_)
      for (const Thread& thread : warp.threads())
        if (!thread.ended && thread.wait >= Wait::warp_barrier) report_missing_lane(warp, thread);
    const Thread& first = *std::find_if(threads_.begin(), threads_.end(), [](const Thread& t) { return !t.ended; });
    for (const Thread& thread : threads_)
      if (thread.ended || !same_place(thread.where, first.where))
        fault(first, "waits at the barrier of ", place(first.where), ", but thread ", thread.number, " ",
              thread.waits_for(), "; every thread of a block must come to the same barrier");
    for (Thread& thread : threads_) thread.wait = Wait::nothing;
    for (Warp& warp : warps_) warp.forget_barriers();
    ++epoch_;
  }
  [[noreturn]] void report_missing_lane(const Warp& warp, const Thread& thread) const {
    const unsigned lane = warp.missing(thread);
    fault(thread, "waits at the ", to_string(thread.wait), " of ", place(thread.where), " with the mask ",
          in_hex(thread.mask), " for lane ", lane, ", which ",
          lane < warp.threads().size() ? warp.threads()[lane].waits_for() : "the block does not have",
          "; every lane of the mask must come");
  }

  std::string kernel_;
  const Code* code_ = nullptr;
  std::vector<Thread> stacks_;  // for the largest block so far
  std::span<Thread> threads_;
  std::vector<Warp> warps_;
  std::map<const void*, std::unique_ptr<Array>> arrays_;
  Thread* running_ = nullptr;
  const Warp* warp_of_running_ = nullptr;
  unsigned number_ = 0, blocks_ = 0;
  std::uint64_t epoch_ = 0, first_epoch_ = 1;  // barriers of the block, of all blocks together
  std::size_t shared_bytes_ = 0;
};

template <class T> void Reference<T>::before_read() const { Block::current()->reads(*array_, at_); }
template <class T> void Reference<T>::before_write() const { Block::current()->writes(*array_, at_); }

}}}}  // namespace neutra::NEUTRA_ABI::gpu::emulated
