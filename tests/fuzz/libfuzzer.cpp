// Fuzz targets as a program of libFuzzer. The environment variable NEUTRA_FUZZ_TARGET chooses the target.
#include "tests/fuzz/mutate.hpp"
#include "tests/fuzz/targets.hpp"

#include <cstdio>
#include <cstdlib>

namespace {

const fuzz::Target& chosen() {
  const char* const name = std::getenv("NEUTRA_FUZZ_TARGET");
  for (const fuzz::Target& target : fuzz::targets)
    if (name && name == std::string_view(target.name)) return target;
  std::fprintf(stderr, "fuzz: NEUTRA_FUZZ_TARGET must be one of");
  for (const fuzz::Target& target : fuzz::targets) std::fprintf(stderr, " %s", target.name);
  std::fprintf(stderr, "\n");
  std::exit(1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Target& target = chosen();
  target.read({reinterpret_cast<const char*>(data), size});
  return 0;
}

/// Every other input is changed as JSON where it is JSON, so that most stay readable; else byte by byte.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  if (seed % 2 == 0)
    if (const std::string changed = fuzz::mutate_json({reinterpret_cast<const char*>(data), size}, seed / 2);
        !changed.empty() && changed.size() <= most) {
      std::copy(changed.begin(), changed.end(), data);
      return changed.size();
    }
  return LLVMFuzzerMutate(data, size, most);
}
