# PROGRAM (tests/gdb/shown.cpp) is stopped at its breakpoint, where PRINTERS must print the lines below.
# cmake -D GDB=.. -D PROGRAM=.. -D PRINTERS=.. -P printers.cmake
cmake_minimum_required(VERSION 3.25)

set(expected
  "shape=(8,64)"
  "tensor=Tensor(2,3) [[0, 1, 2], [10, 11, 12]]"
  "none=Tensor() empty"
  "part=View(2,2) stride 3 [[1, 2], [11, 12]]"
  "rounded=Tensor(2) [1.5, -2]"
  "row=Tensor(20) [0, 0.25, 0, 0, 0, 0, 0, 0, ...]"
  "var=Var 1 of step 2 (2,3) [[0, 2, 4], [20, 22, 24]]"
  "old=Var 0 of step 1, which is over (its tape is at step 2)"
  "unset=Var never given a value")
set(prints "")
foreach(line IN LISTS expected)
  string(REGEX MATCH "^[a-z]+" name "${line}")
  list(APPEND prints -ex "printf \"${name}=\"" -ex "output *&${name}" -ex "printf \"\\n\"")
endforeach()
execute_process(COMMAND "${GDB}" --batch --nx -ex "set debuginfod enabled off" -ex "source ${PRINTERS}" -ex "break shown" -ex run ${prints} "${PROGRAM}"
                OUTPUT_VARIABLE output ERROR_VARIABLE error)
if("${error}" MATCHES "ptrace|Operation not permitted|does not support Python|Python scripting is not supported")
  message("skipped: gdb can neither run programs nor scripts here:\n${error}")
  return()
endif()
foreach(line IN LISTS expected)
  string(FIND "${output}" "${line}\n" position)
  if(position EQUAL -1)
    message(FATAL_ERROR "gdb must print\n  ${line}\ngot\n${output}\n${error}")
  endif()
endforeach()
