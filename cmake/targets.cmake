# The targets users link: neutra::neutra (headers, xsimd, OpenMP) and neutra::train (what io, data, train and the programs add).
# Nothing here sets warnings, -march or an optimisation level: those belong to whoever builds a program.
find_package(xsimd REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)

add_library(neutra INTERFACE)
add_library(neutra::neutra ALIAS neutra)
target_compile_features(neutra INTERFACE cxx_std_20)
target_include_directories(neutra INTERFACE "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>" "$<INSTALL_INTERFACE:include>")
target_link_libraries(neutra INTERFACE xsimd OpenMP::OpenMP_CXX)

find_package(Eigen3 QUIET)
find_package(xtensor QUIET)
find_package(nlohmann_json QUIET)
find_package(CLI11 QUIET)
find_library(NEUTRA_SENTENCEPIECE sentencepiece)
mark_as_advanced(NEUTRA_SENTENCEPIECE)
if(Eigen3_FOUND AND xtensor_FOUND AND nlohmann_json_FOUND AND CLI11_FOUND AND NEUTRA_SENTENCEPIECE)
  add_library(neutra_train INTERFACE)
  add_library(neutra::train ALIAS neutra_train)
  set_target_properties(neutra_train PROPERTIES EXPORT_NAME train)
  target_link_libraries(neutra_train INTERFACE neutra Eigen3::Eigen xtensor nlohmann_json::nlohmann_json CLI11::CLI11
                        "$<BUILD_INTERFACE:${NEUTRA_SENTENCEPIECE}>" "$<INSTALL_INTERFACE:sentencepiece>")
elseif(PROJECT_IS_TOP_LEVEL)
  message(FATAL_ERROR "neutra: the programs and tests need Eigen3, xtensor, nlohmann_json, CLI11 and SentencePiece; "
                      "on Debian: sh tools/setup. Headers alone need xsimd and OpenMP: use add_subdirectory.")
endif()
