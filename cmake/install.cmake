# cmake --install: the headers, and the files that find_package(neutra) reads. Two sets of targets, because a set that
# names a missing package cannot be imported at all.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(NEUTRA_PACKAGE_FOLDER "${CMAKE_INSTALL_DATADIR}/cmake/neutra")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/neutra" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.hpp" PATTERN "*.cuh")
install(TARGETS neutra EXPORT neutraTargets)
install(EXPORT neutraTargets NAMESPACE neutra:: DESTINATION "${NEUTRA_PACKAGE_FOLDER}")
if(TARGET neutra_train)
  install(TARGETS neutra_train EXPORT neutraTrainTargets)
  install(EXPORT neutraTrainTargets NAMESPACE neutra:: DESTINATION "${NEUTRA_PACKAGE_FOLDER}")
endif()
if(NEUTRA_LIBRARY)
  install(TARGETS neutra_compiled EXPORT neutraCompiledTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(EXPORT neutraCompiledTargets NAMESPACE neutra:: DESTINATION "${NEUTRA_PACKAGE_FOLDER}")
endif()
if(NEUTRA_LIBRARY AND TARGET neutra_compiled_train)
  install(TARGETS neutra_compiled_train EXPORT neutraCompiledTrainTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(EXPORT neutraCompiledTrainTargets NAMESPACE neutra:: DESTINATION "${NEUTRA_PACKAGE_FOLDER}")
endif()

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/neutraConfig.cmake.in" "${PROJECT_BINARY_DIR}/neutraConfig.cmake"
                              INSTALL_DESTINATION "${NEUTRA_PACKAGE_FOLDER}")
# Headers alone serve every architecture; a library serves one.
if(NEUTRA_LIBRARY)
  set(architecture "")
else()
  set(architecture ARCH_INDEPENDENT)
endif()
write_basic_package_version_file("${PROJECT_BINARY_DIR}/neutraConfigVersion.cmake" COMPATIBILITY SameMinorVersion ${architecture})
install(FILES "${PROJECT_BINARY_DIR}/neutraConfig.cmake" "${PROJECT_BINARY_DIR}/neutraConfigVersion.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/FindSentencePiece.cmake" "${PROJECT_SOURCE_DIR}/cmake/FindZstd.cmake" "${PROJECT_SOURCE_DIR}/cmake/NeutraSimd.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/NeutraBuildType.cmake"
        DESTINATION "${NEUTRA_PACKAGE_FOLDER}")
