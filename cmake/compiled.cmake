# neutra::compiled: the headers of neutra::neutra, with kernels, ops and common models compiled once. Linking it makes
# compilation faster. The target also passes on the instruction set that the library was built for: as an option
# (-march, if NEUTRA_ARCH is set), and as NEUTRA_COMPILED, which the headers check.
if(PROJECT_IS_TOP_LEVEL)
  set(arch native)
else()
  set(arch "")
endif()
set(NEUTRA_ARCH "${arch}" CACHE STRING "-march for neutra::compiled, programs, tests and benchmarks; empty for the compiler's default")

# neutra/core/config.hpp itself determines the instruction set of these flags.
string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
separate_arguments(flags UNIX_COMMAND "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${build_type}}")
get_directory_property(options COMPILE_OPTIONS)
string(GENEX_STRIP "${options}" options)
if(NEUTRA_ARCH)
  list(APPEND options "-march=${NEUTRA_ARCH}")
endif()
execute_process(COMMAND "${CMAKE_CXX_COMPILER}" ${flags} ${options} -dM -E -x c++ "${PROJECT_SOURCE_DIR}/include/neutra/core/config.hpp"
                OUTPUT_VARIABLE macros ERROR_VARIABLE error)
if(NOT macros MATCHES "#define NEUTRA_INSTRUCTION_SET ([a-z0-9_]+)")
  message(STATUS "neutra: the compiler does not say which instruction set it compiles for, so there is no neutra::compiled: ${error}")
  return()
endif()
set(instruction_set "${CMAKE_MATCH_1}")

add_library(neutra_compiled STATIC EXCLUDE_FROM_ALL src/models_of_double.cpp src/models_of_float.cpp src/products.cpp)
add_library(neutra::compiled ALIAS neutra_compiled)
set_target_properties(neutra_compiled PROPERTIES EXPORT_NAME compiled)
target_link_libraries(neutra_compiled PUBLIC neutra)
# The registry, which programs alone use, has an adapter that computes singular vectors.
if(TARGET neutra_train)
  target_sources(neutra_compiled PRIVATE src/policies.cpp)
  target_include_directories(neutra_compiled SYSTEM PRIVATE "$<TARGET_PROPERTY:Eigen3::Eigen,INTERFACE_INCLUDE_DIRECTORIES>")
endif()
target_compile_options(neutra_compiled PUBLIC "$<$<BOOL:${NEUTRA_ARCH}>:-march=${NEUTRA_ARCH}>")
target_compile_definitions(neutra_compiled PUBLIC "NEUTRA_COMPILED=${instruction_set}")

# neutra::compiled_train: neutra::train likewise, with the implementation of the programs compiled once.
if(TARGET neutra_train)
  add_library(neutra_compiled_train STATIC EXCLUDE_FROM_ALL src/programs.cpp src/this_build.cpp)
  add_library(neutra::compiled_train ALIAS neutra_compiled_train)
  set_target_properties(neutra_compiled_train PROPERTIES EXPORT_NAME compiled_train)
  target_link_libraries(neutra_compiled_train PUBLIC neutra_compiled neutra_train)
  target_compile_definitions(neutra_compiled_train PUBLIC NEUTRA_COMPILED_PROGRAMS)
  # Files, JSON and tables: nothing hot, and a third of the compile time. Kernels and policies are neutra_compiled's.
  target_compile_options(neutra_compiled_train PRIVATE $<$<CXX_COMPILER_ID:GNU,Clang,AppleClang>:$<$<CONFIG:Release>:-O1>>)
endif()
