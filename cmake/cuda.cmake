# neutra::cuda: the headers of neutra::neutra for a CUDA device, which is then the device that is meant where none is
# named (backend/device.hpp). Source that links it is compiled by nvcc, as CUDA: set_source_files_properties(mine.cpp
# PROPERTIES LANGUAGE CUDA). Architectures: CMAKE_CUDA_ARCHITECTURES.
include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  message(FATAL_ERROR "neutra: NEUTRA_CUDA needs nvcc 12 or newer, which was not found; install the CUDA toolkit, set CUDACXX to its nvcc, "
                      "or leave NEUTRA_CUDA out (preset release)")
endif()
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES "80-real;90-real;90-virtual" CACHE STRING "Architectures that nvcc compiles for")
endif()
enable_language(CUDA)
if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12)
  message(FATAL_ERROR "neutra: NEUTRA_CUDA needs nvcc 12 or newer, got ${CMAKE_CUDA_COMPILER_VERSION}")
endif()
find_package(CUDAToolkit REQUIRED)
add_library(neutra_cuda INTERFACE)
add_library(neutra::cuda ALIAS neutra_cuda)
target_compile_definitions(neutra_cuda INTERFACE NEUTRA_CUDA)
# Policies and shapes use constexpr functions of the host's library. CMake 3.25 knows no standards of nvcc 13.
target_compile_options(neutra_cuda INTERFACE "$<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;--expt-relaxed-constexpr;-Xcompiler=-fopenmp,-ffp-contract=off>")
target_link_libraries(neutra_cuda INTERFACE neutra CUDA::cudart CUDA::cublasLt)
