// The core alone: xsimd and OpenMP.
#if __has_include("neutra/neutra.hpp")
#include "neutra/neutra.hpp"
#else
#include "neutra/core/random.hpp"
#include "neutra/core/tensor.hpp"
#endif

#include <omp.h>

#include <xsimd/xsimd.hpp>

int main() {
  const bool same = neutra::Philox(1, "weights").bits(0, 0) == neutra::Philox(1, "weights").bits(0, 0);
  return same && omp_get_max_threads() > 0 ? 0 : 1;
}
