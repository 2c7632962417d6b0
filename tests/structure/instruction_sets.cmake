# Files compiled for different instruction sets must not share inline functions, so each set needs its own inline
# namespace.
# cmake -D COMPILER=<c++> -D INCLUDE=<folder> -P instruction_sets.cmake
cmake_minimum_required(VERSION 3.25)

set(names "")
foreach(options "-march=x86-64" "-march=x86-64 -msse4.1" "-march=x86-64 -mavx" "-march=x86-64 -mavx -mfma" "-march=x86-64 -mavx2" "-march=x86-64 -mavx2 -mfma"
        "-march=x86-64 -mavx512f" "-march=x86-64 -mavx512bf16" "-march=x86-64 -DNEUTRA_CUDA" "-march=x86-64 -mavx2 -DNEUTRA_CUDA")
  separate_arguments(arguments UNIX_COMMAND "${options}")
  execute_process(COMMAND ${COMPILER} ${arguments} -std=c++20 -I${INCLUDE} -E -x c++ "${CMAKE_CURRENT_LIST_DIR}/instruction_set.txt"
                  OUTPUT_VARIABLE text RESULT_VARIABLE status)
  if(NOT status EQUAL 0 OR NOT text MATCHES "namespace_is ([a-z0-9_]+)")
    message(FATAL_ERROR "${COMPILER} ${options} cannot compile core/config.hpp")
  endif()
  set(name "${CMAKE_MATCH_1}")
  if(name IN_LIST names)
    message(FATAL_ERROR "${options} gives the inline namespace ${name}, as other options do; distinguish them in core/config.hpp")
  endif()
  list(APPEND names "${name}")
endforeach()
message(STATUS "inline namespaces: ${names}")
