# Programs, tests, benchmarks and installation: only when neutra itself is the project being built.
option(NEUTRA_TESTS "Build the tests" ON)
option(NEUTRA_BENCHMARKS "Build the benchmarks" ON)
set(NEUTRA_ARCH "native" CACHE STRING "-march for programs, tests and benchmarks; empty for the compiler's default")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

# Warnings (less the two that g++ 12 raises inside its own AVX-512 headers), architecture and links shared by everything built here.
add_library(neutra_development INTERFACE)
target_link_libraries(neutra_development INTERFACE neutra::train)
target_compile_options(neutra_development INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wno-psabi -Wno-maybe-uninitialized -Wno-uninitialized $<$<BOOL:${NEUTRA_ARCH}>:-march=${NEUTRA_ARCH}>)

add_subdirectory(examples)
if(NEUTRA_TESTS)
  enable_testing()
  add_subdirectory(tests)
endif()
if(NEUTRA_BENCHMARKS)
  add_subdirectory(benchmarks)
endif()
include(install)
