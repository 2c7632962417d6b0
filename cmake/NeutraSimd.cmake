# Defines neutra_simd: xsimd as neutra uses it, its headers and no more. Debian's xsimd target also names xtl, for complex
# numbers that neutra does not have, while its package does not bring xtl; linking the target would fail.
if(NOT TARGET neutra_simd)
  get_target_property(neutra_simd_folders xsimd INTERFACE_INCLUDE_DIRECTORIES)
  add_library(neutra_simd INTERFACE IMPORTED GLOBAL)
  set_target_properties(neutra_simd PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${neutra_simd_folders}")
  unset(neutra_simd_folders)
endif()
