/// Memory, copies, launches and scans through CUDA's runtime and CUB. See driver.hpp.
#pragma once

#include "neutra/backend/cuda/device_code.hpp"
#include "neutra/core/error.hpp"

#include <cuda_runtime.h>
#include <cub/device/device_scan.cuh>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu {

/// A kernel, for errors that show up after its launch.
struct KernelName {
  const char* name = "none";
  std::string_view function;  // the signature of a function whose last template parameter is its type

  std::string text() const {
    const auto from = function.find("K = ");
    return from == function.npos ? name : concat(name, ", ", function.substr(from + 4, function.size() - from - 5));
  }
};
/// The one that was launched last.
inline KernelName& last_kernel() {
  static KernelName kernel;
  return kernel;
}

/// Fails with what CUDA says unless it succeeded. what: "copying ", bytes, " bytes"
template <class... What> void succeed(cudaError_t result, const What&... what) {
  if (result == cudaSuccess) [[likely]]
    return;
  cudaGetLastError();
  int driver = 0;  // 0: there is none, which CUDA reports as too old a one
  cudaDriverGetVersion(&driver);
  const auto number = [](int version) { return concat(version / 1000, ".", version % 1000 / 10); };
  if (result == cudaErrorInsufficientDriver && driver > 0)
    fail("cuda: the driver of this machine is for CUDA ", number(driver), ", but this program was built with CUDA ",
         number(CUDART_VERSION), "; update the driver, or use a program built for the CPU");
  if (result == cudaErrorInsufficientDriver || result == cudaErrorNoDevice)
    fail("cuda: this machine has no CUDA device", driver > 0 ? "" : " or no driver for it",
         "; use a program built for the CPU");
  fail("cuda: ", what..., " failed: ", cudaGetErrorString(result), "; the kernel that was launched last is '",
       last_kernel().text(), "'; run with CUDA_LAUNCH_BLOCKING=1 to have a failing one named");
}

/// The device of this process, its stream and its memory pool.
class Device {
 public:
  /// The one in use: device 0, unless another was chosen before the first use.
  static Device& here() {
    // Never destroyed: tensors of static storage duration are released after it.
    static auto* device = new Device;
    return *device;
  }
  /// Chooses a device by number. Error: there is none of this number; another is in use.
  static void choose(int number) {
    int count = 0;
    succeed(cudaGetDeviceCount(&count), "counting devices");
    require(number >= 0 && number < count, "cuda: there is no device ", number, "; this machine has ", count,
            ", numbered from 0");
    require(!started() || here().number_ == number, "cuda: device ", here().number_,
            " is in use; choose a device before anything is computed");
    chosen() = number;
  }

  cudaStream_t stream() const { return stream_; }

 private:
  static int& chosen() {
    static int number = 0;
    return number;
  }
  static bool& started() {
    static bool yes = false;
    return yes;
  }
  Device() : number_(chosen()) {
    int count = 0;
    succeed(cudaGetDeviceCount(&count), "counting devices");
    succeed(cudaSetDevice(number_), "starting device ", number_);
    succeed(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "creating a stream");
    // Released memory stays in the pool, so that a step gets what the step before gave back.
    cudaMemPool_t pool{};
    succeed(cudaDeviceGetDefaultMemPool(&pool, number_), "reading the memory pool");
    std::uint64_t all = ~std::uint64_t{0};
    succeed(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &all), "setting up the memory pool");
    started() = true;
  }
  int number_;
  cudaStream_t stream_ = nullptr;
};

/// Zeroed memory from the pool. Error: out of memory, with what is needed and what is free.
inline void* allocate(std::size_t bytes) {
  Device& device = Device::here();
  void* memory = nullptr;
  const std::size_t size = std::max<std::size_t>(bytes, 1);
  const cudaError_t result = cudaMallocAsync(&memory, size, device.stream());
  if (result == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    std::size_t free = 0, total = 0;
    cudaMemGetInfo(&free, &total);
    fail("cuda: out of device memory: asked for ", bytes >> 20, " MiB more, but ", free >> 20, " of ", total >> 20,
         " MiB are free; use a smaller batch, model or sequence, --precision bf16, or recompute layers");
  }
  succeed(result, "allocating ", bytes, " bytes");
  succeed(cudaMemsetAsync(memory, 0, size, device.stream()), "zeroing memory");
  return memory;
}
inline void release(void* memory, std::size_t /*bytes*/) noexcept {
  // Nothing can be done about an error here; the next call reports it.
  if (memory) cudaFreeAsync(memory, Device::here().stream());
}

/// Waits for the device. Error: a kernel failed.
inline void synchronise() { succeed(cudaStreamSynchronize(Device::here().stream()), "waiting for the device"); }

inline void copy(const void* from, void* to, std::size_t bytes) {
  succeed(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, Device::here().stream()), "copying ", bytes,
          " bytes on the device");
}
/// The host's memory may change as soon as this returns: CUDA stages what is not pinned, for which it may wait.
inline void upload(const void* from, void* to, std::size_t bytes) {
  succeed(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, Device::here().stream()), "copying ", bytes,
          " bytes to the device");
}

inline void* pinned(std::size_t bytes) {
  Device::here();
  void* memory = nullptr;
  succeed(cudaMallocHost(&memory, bytes), "pinning ", bytes, " bytes of the host's memory");
  return memory;
}
inline void upload_pinned(const void* from, void* to, std::size_t bytes) { upload(from, to, bytes); }

struct Mark {
  cudaEvent_t event = nullptr;
};
inline void mark(Mark& at) {
  if (!at.event) succeed(cudaEventCreateWithFlags(&at.event, cudaEventDisableTiming), "creating an event");
  succeed(cudaEventRecord(at.event, Device::here().stream()), "recording an event");
}
inline void wait(const Mark& at) { succeed(cudaEventSynchronize(at.event), "waiting for an upload"); }

inline void download(const void* from, void* to, std::size_t bytes) {
  succeed(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, Device::here().stream()), "copying ", bytes,
          " bytes from the device");
  synchronise();
}

/// All kernels of the library are this function.
template <class K>
__global__ void __launch_bounds__(K::most_threads, K::least_blocks) run(const __grid_constant__ K kernel) {
  kernel();
}

template <class K> void launch(const Grid& grid, const K& kernel) {
  static_assert(std::is_trivially_copyable_v<K>,
                "neutra: a functor goes to the device by its bytes; keep views, pointers and numbers in it");
  static_assert(sizeof(K) <= most_kernel_bytes, "neutra: a kernel holds more bytes than a launch may pass");
  if (grid.blocks == 0) return;
  require(grid.blocks < Index{1} << 31, "cuda: ", K::name, " needs ", grid.blocks,
          " blocks, but a launch has at most 2^31 - 1");
  Device& device = Device::here();
  last_kernel() = {K::name, __PRETTY_FUNCTION__};
  run<K><<<static_cast<unsigned>(grid.blocks), static_cast<unsigned>(grid.threads), 0, device.stream()>>>(kernel);
  const cudaError_t result = cudaGetLastError();
  if (result == cudaErrorNoKernelImageForDevice)
    fail("cuda: this program has no code for this device; build it with CMAKE_CUDA_ARCHITECTURES for its architecture");
  succeed(result, "starting the kernel '", K::name, "'");
}

/// The bytes of device memory that scan() works in.
inline std::size_t scan_bytes(Index count) {
  std::size_t bytes = 0;
  const std::int32_t* const from = nullptr;
  std::int32_t* const to = nullptr;
  succeed(cub::DeviceScan::InclusiveSum(nullptr, bytes, from, to, count), "sizing a scan");
  return bytes;
}
/// to[n] = sum of from[0 .. n]
inline void scan(const std::int32_t* from, std::int32_t* to, Index count, void* memory) {
  std::size_t bytes = scan_bytes(count);
  succeed(cub::DeviceScan::InclusiveSum(memory, bytes, from, to, count, Device::here().stream()), "a scan");
}

}}}  // namespace neutra::NEUTRA_ABI::gpu
