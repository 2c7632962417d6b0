# Defines neutra_simd: xsimd's headers and nothing else. Debian's xsimd target also links xtl, which it needs for
# complex numbers, but its package does not install xtl; linking that target would fail.
if(NOT TARGET neutra_simd)
  get_target_property(neutra_simd_folders xsimd INTERFACE_INCLUDE_DIRECTORIES)
  add_library(neutra_simd INTERFACE IMPORTED GLOBAL)
  set_target_properties(neutra_simd PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${neutra_simd_folders}")
  unset(neutra_simd_folders)
endif()
