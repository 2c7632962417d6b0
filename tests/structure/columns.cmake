# Fails if a line of a source file has more than 120 columns.
# cmake -D SOURCE=<folder of the project> -P columns.cmake
cmake_minimum_required(VERSION 3.25)

set(found "")
foreach(folder IN ITEMS include src examples tests benchmarks)
  file(GLOB_RECURSE sources RELATIVE "${SOURCE}" "${SOURCE}/${folder}/*.[ch]pp" "${SOURCE}/${folder}/*.cu*")
  foreach(source IN LISTS sources)
    file(STRINGS "${SOURCE}/${source}" long LENGTH_MINIMUM 121 LIMIT_COUNT 1)
    if(NOT "${long}" STREQUAL "")
      string(APPEND found "\n  ${source}: ${long}")
    endif()
  endforeach()
endforeach()
if(found)
  message(FATAL_ERROR "columns: lines must have at most 120 columns; run clang-format -i on code, and break text by hand:${found}")
endif()
