# Counts the preprocessed lines of neutra/neutra.hpp without those of xsimd. Fails if they exceed BUDGET, or if a library
# is included that neutra::neutra does not link.
# cmake -D COMPILER=.. -D INCLUDE=.. -D FOLDERS=a|b -D OPTIONS=a|b -D BUDGET=.. -D SCRATCH=<folder> -P lines.cmake
cmake_minimum_required(VERSION 3.25)

string(REPLACE "|" ";" folders "${FOLDERS}")
string(REPLACE "|" ";" options "${OPTIONS}")
list(TRANSFORM folders PREPEND "-I")

# preprocess(<header> <variable>): the preprocessed text, with the compiler options of the tests.
function(preprocess header variable)
  string(MAKE_C_IDENTIFIER "${header}" name)
  file(WRITE "${SCRATCH}/${name}.cpp" "#include <${header}>\n")
  execute_process(COMMAND "${COMPILER}" -std=c++20 ${options} ${folders} "-I${INCLUDE}" -E "${SCRATCH}/${name}.cpp"
                  RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE errors)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "lines: ${header} could not be preprocessed\n${errors}")
  endif()
  set(${variable} "${text}" PARENT_SCOPE)
endfunction()

function(count_lines text variable)
  string(REGEX REPLACE "[^\n]+" "" breaks "${text}")
  string(LENGTH "${breaks}" count)
  set(${variable} ${count} PARENT_SCOPE)
endfunction()

preprocess(neutra/neutra.hpp text)
if("${text}" MATCHES "\n# [0-9]+ \"([^\"]*/(Eigen|xtensor|xtl|nlohmann|CLI|sentencepiece[^\"]*)/?[^\"]*)\"")
  message(FATAL_ERROR "lines: neutra/neutra.hpp includes ${CMAKE_MATCH_1}, but neutra::neutra links only xsimd and OpenMP")
endif()
preprocess(xsimd/xsimd.hpp xsimd_text)
count_lines("${text}" all)
count_lines("${xsimd_text}" of_xsimd)
math(EXPR count "${all} - ${of_xsimd}")
message("lines: neutra/neutra.hpp is ${all} preprocessed lines, ${count} without xsimd, of at most ${BUDGET}")
if(count GREATER BUDGET)
  message(FATAL_ERROR "lines: over the budget in tests/structure/CMakeLists.txt; include less, or raise it with a reason")
endif()
