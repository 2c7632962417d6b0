# The targets users link: neutra::neutra (headers, xsimd, OpenMP), neutra::train (what io, data, train and the programs add), and neutra::compiled.
# Warnings, -march and the optimisation level belong to whoever builds a program.

# A project that adds this folder links the targets from outside it and must see what they name.
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
# The one flag that is neutra's own: equal bits for any number of threads need a * b + c to be rounded alike wherever a loop is inlined. GCC fuses it in
# one copy of a loop and not in another; where one rounding is meant the kernels say so (multiply_add).
target_compile_options(neutra INTERFACE "$<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU,Clang,AppleClang>>:-ffp-contract=off>")

# The same list serves installed users: cmake/neutraConfig.cmake.in finds it there.
set(NEUTRA_TRAIN_PACKAGES Eigen3 xtensor nlohmann_json CLI11 SentencePiece)
set(NEUTRA_TRAIN_MISSING "")
foreach(package IN LISTS NEUTRA_TRAIN_PACKAGES)
  find_package(${package} QUIET)
  if(NOT ${package}_FOUND)
    list(APPEND NEUTRA_TRAIN_MISSING ${package})
  endif()
endforeach()
if(NOT NEUTRA_TRAIN_MISSING)
  add_library(neutra_train INTERFACE)
  add_library(neutra::train ALIAS neutra_train)
  set_target_properties(neutra_train PROPERTIES EXPORT_NAME train)
  target_link_libraries(neutra_train INTERFACE neutra Eigen3::Eigen xtensor nlohmann_json::nlohmann_json CLI11::CLI11
                        SentencePiece::SentencePiece)
endif()

include(compiled)
