# The targets that users link: neutra::neutra (headers, xsimd, OpenMP), neutra::train (the dependencies of io, data,
# train and the programs), and neutra::compiled. Warnings, -march and the optimisation level are up to the user.

# A project that adds this folder links the targets from outside, so it must see the targets they depend on.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
find_package(xsimd REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
include(NeutraSimd)
include(NeutraBuildType)

add_library(neutra INTERFACE)
add_library(neutra::neutra ALIAS neutra)
target_compile_features(neutra INTERFACE cxx_std_20)
target_include_directories(neutra INTERFACE "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>" "$<INSTALL_INTERFACE:include>")
target_link_libraries(neutra INTERFACE neutra_simd OpenMP::OpenMP_CXX)
# The only flag that neutra imposes: equal bits for any number of threads require that a * b + c is rounded the same way
# wherever a loop is inlined. GCC fuses it in one copy of a loop and not in another. Where the kernels need a fused
# operation, they call it explicitly (multiply_add).
target_compile_options(neutra INTERFACE "$<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU,Clang,AppleClang>>:-ffp-contract=off>")

# Installed users need the same list, in cmake/neutraConfig.cmake.in.
set(NEUTRA_TRAIN_PACKAGES Eigen3 xtensor nlohmann_json CLI11 SentencePiece ICU ZLIB Zstd OpenSSL)
set(NEUTRA_ICU_COMPONENTS COMPONENTS uc)
set(NEUTRA_TRAIN_MISSING "")
foreach(package IN LISTS NEUTRA_TRAIN_PACKAGES)
  find_package(${package} QUIET ${NEUTRA_${package}_COMPONENTS})
  if(NOT ${package}_FOUND)
    list(APPEND NEUTRA_TRAIN_MISSING ${package})
  endif()
endforeach()
if(NOT NEUTRA_TRAIN_MISSING)
  add_library(neutra_train INTERFACE)
  add_library(neutra::train ALIAS neutra_train)
  set_target_properties(neutra_train PROPERTIES EXPORT_NAME train)
  target_link_libraries(neutra_train INTERFACE neutra Eigen3::Eigen xtensor nlohmann_json::nlohmann_json CLI11::CLI11
                        SentencePiece::SentencePiece ICU::uc ZLIB::ZLIB Zstd::Zstd OpenSSL::Crypto)
endif()

option(NEUTRA_CUDA "Define neutra::cuda, for programs that compute on a CUDA device; needs nvcc" OFF)
if(NEUTRA_CUDA)
  include(cuda)
endif()

include(compiled)
