# Programs, tests, benchmarks and installation: only when neutra itself is the project being built.
option(NEUTRA_PROGRAMS "Build the programs" ON)
option(NEUTRA_TESTS "Build the tests" ON)
option(NEUTRA_BENCHMARKS "Build the benchmarks" ON)
option(NEUTRA_FUZZ "Build the fuzz targets, which need clang (preset fuzz)" OFF)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

if(NEUTRA_PROGRAMS OR NEUTRA_TESTS OR NEUTRA_BENCHMARKS OR NEUTRA_FUZZ)
  set(library ON)  # they link it
endif()
option(NEUTRA_LIBRARY "Build and install neutra::compiled" ${library})
if(NEUTRA_LIBRARY)
  set_target_properties(neutra_compiled PROPERTIES EXCLUDE_FROM_ALL OFF)
  if(TARGET neutra_compiled_train)
    set_target_properties(neutra_compiled_train PROPERTIES EXCLUDE_FROM_ALL OFF)
  endif()
endif()

include(install)
if(NOT (NEUTRA_PROGRAMS OR NEUTRA_TESTS OR NEUTRA_BENCHMARKS OR NEUTRA_FUZZ))
  return()
endif()
if(NOT TARGET neutra::train)
  list(JOIN NEUTRA_TRAIN_MISSING ", " missing)
  message(FATAL_ERROR "neutra: the programs, tests and benchmarks need ${missing}, not found here; on Debian: sh tools/setup. "
                      "To install the headers alone, which need xsimd and OpenMP: "
                      "-DNEUTRA_PROGRAMS=OFF -DNEUTRA_TESTS=OFF -DNEUTRA_BENCHMARKS=OFF")
endif()

# Warnings, architecture and links shared by everything built here, including neutra::compiled and the check of single
# headers.
add_library(neutra_development INTERFACE)
target_link_libraries(neutra_development INTERFACE neutra::train)
target_compile_options(neutra_development INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wno-psabi $<$<BOOL:${NEUTRA_ARCH}>:-march=${NEUTRA_ARCH}>)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(neutra_development INTERFACE -Wcomma)  # a, b; where two statements are meant
endif()
# GCC collects its garbage from 128 MB on, for nothing: most files here take less than 1 GB. A tenth of the compile time.
set(NEUTRA_COMPILER_MEMORY $<$<CXX_COMPILER_ID:GNU>:--param=ggc-min-heapsize=524288>)
target_compile_options(neutra_development INTERFACE ${NEUTRA_COMPILER_MEMORY})
# GCC 12 gives false warnings for its own headers: AVX-512 intrinsics (GCC bug 105593), std::string's operator+
# (105651), copies into spans. GCC 14 still checks these.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(neutra_development INTERFACE -Wno-restrict -Wno-uninitialized -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-array-bounds)
endif()
foreach(library IN ITEMS neutra_compiled neutra_compiled_train)
  target_link_libraries(${library} PRIVATE $<BUILD_INTERFACE:neutra_development>)
endforeach()
# Linked by programs, tests and benchmarks.
add_library(neutra_program INTERFACE)
target_link_libraries(neutra_program INTERFACE neutra_development neutra_compiled_train)
include(provenance)

if(NEUTRA_PROGRAMS)
  add_subdirectory(examples)
endif()
if(NEUTRA_TESTS)
  enable_testing()
  add_subdirectory(tests)
endif()
if(NEUTRA_BENCHMARKS)
  add_subdirectory(benchmarks)
endif()
if(NEUTRA_FUZZ)
  add_subdirectory(tests/fuzz)
endif()
