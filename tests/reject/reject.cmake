# SOURCE must compile as it is, and with NEUTRA_REJECT defined fail with the sentence of its first comment, within ten lines.
# cmake -D COMPILER=.. -D SOURCE=.. -D FOLDERS=a|b -D DEFINITIONS=a|b -D OPTIONS=a|b -P reject.cmake
cmake_minimum_required(VERSION 3.25)

file(READ "${SOURCE}" text)
if(NOT "${text}" MATCHES "^// expect: ([^\n]+(\n// [^\n]+)*)\n")
  message(FATAL_ERROR "${SOURCE}: it must begin with '// expect: <the sentence the compiler prints>'")
endif()
string(REPLACE "\n// " " " sentence "${CMAKE_MATCH_1}")

string(REPLACE "|" ";" folders "${FOLDERS}")
string(REPLACE "|" ";" options "${OPTIONS}")
list(TRANSFORM folders PREPEND "-I")
string(REPLACE "|" ";" definitions "${DEFINITIONS}")
list(TRANSFORM definitions PREPEND "-D")
# The compiler's own language and width of lines would change its text, and warnings of dependencies stand before it.
set(compile "${CMAKE_COMMAND}" -E env LC_ALL=C "${COMPILER}" -std=c++20 ${options} -w -fmessage-length=0 -fsyntax-only ${folders} ${definitions})

execute_process(COMMAND ${compile} "${SOURCE}" RESULT_VARIABLE status ERROR_VARIABLE output)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${SOURCE} must compile without NEUTRA_REJECT, but:\n${output}")
endif()
execute_process(COMMAND ${compile} -DNEUTRA_REJECT "${SOURCE}" RESULT_VARIABLE status ERROR_VARIABLE output)
if(status EQUAL 0)
  message(FATAL_ERROR "${SOURCE} compiled with NEUTRA_REJECT, but must not")
endif()
# A match inside a quoted source line would prove nothing: the sentence must stand in an error, and where a reader looks first.
string(REGEX MATCH "^([^\n]*\n?[^\n]*\n?[^\n]*\n?[^\n]*\n?[^\n]*\n?[^\n]*\n?[^\n]*\n?[^\n]*\n?[^\n]*\n?[^\n]*)" first_lines "${output}")
string(REGEX MATCHALL "[^\n]*error: [^\n]*" errors "${first_lines}")
string(REPLACE "\;" ";" errors "${errors}")
# Where the comment breaks, one space of two is lost; clang prints a message as the literal it was, with \".
string(REGEX REPLACE " +" " " sentence "${sentence}")
string(REGEX REPLACE " +" " " errors "${errors}")
string(REPLACE "\\\"" "\"" errors "${errors}")
string(FIND "${errors}" "${sentence}" position)
if(position EQUAL -1)
  message(FATAL_ERROR "${SOURCE}: expected among the first ten lines an error with\n  ${sentence}\nbut the compiler said\n${output}")
endif()
