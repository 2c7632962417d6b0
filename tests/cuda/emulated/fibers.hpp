// Fibers: functions with a stack of their own that stop in the middle and go on later. The threads of an emulated
// block. swapcontext saves the signal mask by a system call each time, which would take most of the time of a test; on
// x86-64 six registers are saved instead.
#pragma once

#include "neutra/core/error.hpp"

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#define NEUTRA_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NEUTRA_ADDRESS_SANITIZER 1
#endif
#endif
#if defined(NEUTRA_ADDRESS_SANITIZER)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu { namespace emulated {

/// A stack with a page before it that faults, so that an overflow does not go unnoticed. Touched pages alone take
/// memory.
class Stack {
 public:
  // A functor's arrays and the text of an error fit; the address sanitizer makes frames a few times larger.
  static constexpr std::size_t bytes = 256 << 10, guard = 4 << 10;

  Stack()
      : memory_(static_cast<std::byte*>(
            mmap(nullptr, bytes + guard, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
    require(memory_ != MAP_FAILED && mprotect(memory_, guard, PROT_NONE) == 0, "emulator: no memory for a stack");
  }
  Stack(Stack&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)) {}
  Stack& operator=(Stack&&) = delete;
  ~Stack() {
    if (memory_) munmap(memory_, bytes + guard);
  }
  std::byte* bottom() const { return memory_ + guard; }
  std::byte* top() const { return bottom() + bytes; }

 private:
  std::byte* memory_;
};

/// Where code stopped, and the bounds of its stack, which the address sanitizer wants to know.
struct Context {
#if defined(__x86_64__)
  void* pointer = nullptr;
#else
  ucontext_t registers;
#endif
  const void* bottom = nullptr;
  std::size_t bytes = 0;
  void* fake_stack = nullptr;
};

#if defined(__x86_64__)
/// Saves the registers that a function must keep, and goes on where `to` stopped.
[[gnu::naked, gnu::noinline]] inline void exchange_stacks(void** /*from*/, void* /*to*/) {
  asm volatile(
      "pushq %rbp\n pushq %rbx\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"
      "movq %rsp, (%rdi)\n movq %rsi, %rsp\n"
      "popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbx\n popq %rbp\n ret\n");
}
#endif

/// Stops `from`, here, and goes on with `to`. ends: nothing goes on with `from` any more.
inline void exchange(Context& from, Context& to, [[maybe_unused]] bool ends = false) {
#if defined(NEUTRA_ADDRESS_SANITIZER)
  __sanitizer_start_switch_fiber(ends ? nullptr : &from.fake_stack, to.bottom, to.bytes);
#endif
#if defined(__x86_64__)
  exchange_stacks(&from.pointer, to.pointer);
#else
  swapcontext(&from.registers, &to.registers);
#endif
#if defined(NEUTRA_ADDRESS_SANITIZER)
  __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

/// Runs a function on its own stack, in parts.
class Fiber {
 public:
  /// `run`(argument) begins with the next resume(); a function that stopped before is forgotten with its stack.
  void start(void (*run)(void*), void* argument) {
    run_ = run;
    argument_ = argument;
    running_ = true;
    own_.bottom = stack_.bottom();
    own_.bytes = Stack::bytes;
    own_.fake_stack = nullptr;
#if defined(NEUTRA_ADDRESS_SANITIZER)
    if (left_) ASAN_UNPOISON_MEMORY_REGION(stack_.bottom(), Stack::bytes);  // by the frames of an earlier function
    left_ = true;
#endif
#if defined(__x86_64__)
    // Six registers, then the address that `ret` takes: at a function's begin the stack is 8 below a multiple of 16.
    auto* const words = reinterpret_cast<std::uintptr_t*>(stack_.top()) - 10;
    for (int i = 0; i < 10; ++i) words[i] = 0;
    words[6] = reinterpret_cast<std::uintptr_t>(&Fiber::begin);
    own_.pointer = words;
#else
    getcontext(&own_.registers);
    own_.registers.uc_stack.ss_sp = stack_.bottom();
    own_.registers.uc_stack.ss_size = Stack::bytes;
    own_.registers.uc_link = nullptr;
    makecontext(&own_.registers, &Fiber::begin, 0);
#endif
  }
  /// Runs until stop() or the end; whether there is more to run.
  bool resume() {
    current() = this;
    exchange(caller_, own_);
    return running_;
  }
  /// Called on the fiber: back to resume().
  void stop() { exchange(own_, caller_); }

 private:
  /// The fiber that begins: a new stack has nothing to hand it over in.
  static Fiber*& current() {
    static thread_local Fiber* fiber = nullptr;
    return fiber;
  }
  static void begin() {
    Fiber* const fiber = current();
#if defined(NEUTRA_ADDRESS_SANITIZER)
    __sanitizer_finish_switch_fiber(nullptr, &fiber->caller_.bottom, &fiber->caller_.bytes);
#endif
    fiber->run_(fiber->argument_);
    fiber->running_ = fiber->left_ = false;
    exchange(fiber->own_, fiber->caller_, true);
  }

  Stack stack_;
  Context own_, caller_;
  void (*run_)(void*) = nullptr;
  void* argument_ = nullptr;
  bool running_ = false;
  bool left_ = false;  // in the middle of a function
};

}}}}  // namespace neutra::NEUTRA_ABI::gpu::emulated
