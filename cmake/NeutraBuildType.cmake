# Without a build type CMake passes no optimisation flag, and programs run about 30 times slower. A project that uses
# neutra gets one warning, at the end of its configuration: it may set a build type or flags after it has found neutra.
include_guard(GLOBAL)

function(neutra_check_build_type)
  get_property(several GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
  get_directory_property(options COMPILE_OPTIONS)
  if(NOT several AND NOT CMAKE_BUILD_TYPE AND NOT "${CMAKE_CXX_FLAGS};${options}" MATCHES "(^|[ ;])-O([1-9sgz]|fast|[ ;]|$)")
    message(WARNING "neutra: no build type is set, so nothing is optimised and programs run some 30 times slower; "
                    "configure with -DCMAKE_BUILD_TYPE=Release (any other name, such as Debug or None, ends this message too)")
  endif()
endfunction()
cmake_language(DEFER DIRECTORY "${CMAKE_SOURCE_DIR}" CALL neutra_check_build_type)
