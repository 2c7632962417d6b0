# Counts the lines that the preprocessor makes of neutra/neutra.hpp and fails over BUDGET, or where it reads a header of a
# library that neutra::neutra does not name.
# cmake -D COMPILER=.. -D INCLUDE=.. -D FOLDERS=a|b -D OPTIONS=a|b -D BUDGET=.. -P lines.cmake
cmake_minimum_required(VERSION 3.25)

if(NOT EXISTS "${INCLUDE}/neutra/neutra.hpp")
  message("skipped: there is no neutra/neutra.hpp yet")
  return()
endif()
string(REPLACE "|" ";" folders "${FOLDERS}")
string(REPLACE "|" ";" options "${OPTIONS}")
list(TRANSFORM folders PREPEND "-I")
execute_process(COMMAND "${COMPILER}" -std=c++20 ${options} ${folders} -E -x c++ "${INCLUDE}/neutra/neutra.hpp"
                RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE errors)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "lines: neutra/neutra.hpp could not be preprocessed\n${errors}")
endif()
if("${text}" MATCHES "\n# [0-9]+ \"([^\"]*/(Eigen|xtensor|xtl|nlohmann|CLI|sentencepiece[^\"]*)/[^\"]*)\"")
  message(FATAL_ERROR "lines: neutra/neutra.hpp reads ${CMAKE_MATCH_1}, but neutra::neutra names xsimd and OpenMP alone")
endif()
string(REGEX REPLACE "[^\n]+" "" breaks "${text}")
string(LENGTH "${breaks}" count)
message("lines: neutra/neutra.hpp is ${count} lines after the preprocessor, of ${BUDGET}")
if(count GREATER BUDGET)
  message(FATAL_ERROR "lines: over the budget in tests/structure/CMakeLists.txt; include less, or raise it with a reason")
endif()
