# A result names the commit and the flags that it was built from. One file of neutra::compiled_train knows them; only
# this file is rebuilt for every commit.
set(commit unknown)
find_package(Git QUIET)
if(GIT_FOUND AND EXISTS "${PROJECT_SOURCE_DIR}/.git")
  execute_process(COMMAND "${GIT_EXECUTABLE}" describe --always --abbrev=12 --exclude=* --dirty=+changes WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
                  RESULT_VARIABLE status OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(status EQUAL 0)
    set(commit "${described}")
  endif()
  # Every commit appends a line to this log, and the next build then configures again.
  execute_process(COMMAND "${GIT_EXECUTABLE}" rev-parse --git-path logs/HEAD WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
                  OUTPUT_VARIABLE log OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  file(REAL_PATH "${log}" log BASE_DIRECTORY "${PROJECT_SOURCE_DIR}")
  if(EXISTS "${log}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${log}")
  endif()
endif()

string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
set(flags "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${build_type}}")
if(NEUTRA_ARCH)
  string(APPEND flags " -march=${NEUTRA_ARCH}")
endif()
string(REGEX REPLACE "[ \t\"\\\\]+" " " flags "${flags}")
string(STRIP "${flags}" flags)

set_property(SOURCE "${PROJECT_SOURCE_DIR}/src/this_build.cpp" PROPERTY COMPILE_DEFINITIONS "NEUTRA_COMMIT=\"${commit}\"" "NEUTRA_FLAGS=\"${flags}\"")
