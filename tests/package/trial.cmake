# Configures SOURCE in a fresh BINARY, builds it, runs its programs, and installs it into BINARY/prefix.
# cmake -D SOURCE=.. -D BINARY=.. -D GENERATOR=.. -D OPTIONS=a|b -D RUN=program|program -P trial.cmake
cmake_minimum_required(VERSION 3.25)

function(step)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\nended with status ${status}:\n${output}")
  endif()
endfunction()

string(REPLACE "|" ";" options "${OPTIONS}")
string(REPLACE "|" ";" programs "${RUN}")
file(REMOVE_RECURSE "${BINARY}")
step("${CMAKE_COMMAND}" -S "${SOURCE}" -B "${BINARY}" -G "${GENERATOR}" ${options} "-DCMAKE_INSTALL_PREFIX=${BINARY}/prefix")
step("${CMAKE_COMMAND}" --build "${BINARY}")
foreach(program IN LISTS programs)
  step("${BINARY}/${program}")
endforeach()
step("${CMAKE_COMMAND}" --install "${BINARY}")
# A consumer has no install rule; whatever stands in its prefix was put there by neutra, which nobody asked to.
if(programs AND EXISTS "${BINARY}/prefix")
  message(FATAL_ERROR "neutra installs itself with a project that only uses it: ${BINARY}/prefix")
endif()
