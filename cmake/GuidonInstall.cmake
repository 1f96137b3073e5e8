# `cmake --install BUILD` gives the programs, and the SDK as the CMake package `guidon` and as guidon.pc. Components:
#   runtime the shared library
#   sdk     headers, static libraries, package files: what find_package(guidon) and pkg-config read
#   server  guidond
#   cli     guidon
#   remove  guidon-remove-cpp, where it is built
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/guidon)

# The rooms that an application may link to, and those they are made of. Each was registered after the rooms it uses.
get_property(libraries GLOBAL PROPERTY GUIDON_LIBRARIES)
list(FILTER libraries INCLUDE REGEX "^guidon_(core|net|sdk)(_|$)")

install(TARGETS ${libraries} EXPORT guidon
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sdk)
if(TARGET guidon_shared)
  install(TARGETS guidon_shared EXPORT guidon
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT sdk)
endif()
install(EXPORT guidon NAMESPACE guidon:: FILE guidon-targets.cmake DESTINATION ${package_dir} COMPONENT sdk)
foreach(folder core sdk)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT sdk
    FILES_MATCHING PATTERN "*.h")
endforeach()

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/guidon-config.cmake.in
  ${PROJECT_BINARY_DIR}/package/guidon-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/guidon-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/package/guidon-config.cmake ${PROJECT_BINARY_DIR}/package/guidon-config-version.cmake
  DESTINATION ${package_dir} COMPONENT sdk)

# A linker takes static libraries left to right: users before what they use.
set(pc_libraries "")
foreach(library ${libraries})
  get_target_property(kind ${library} TYPE)
  if(kind STREQUAL STATIC_LIBRARY)
    set(pc_libraries "-l${library} ${pc_libraries}")
  endif()
endforeach()
# They find the rest from the folder that they are in, so an installation can be moved, and packages unpacked anywhere.
file(RELATIVE_PATH pc_to_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
foreach(file guidon.pc guidon-static.pc)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/${file}.in ${PROJECT_BINARY_DIR}/package/${file} @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/package/${file} DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT sdk)
endforeach()

if(TARGET guidond)
  install(TARGETS guidond RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT server)
  install(FILES ${PROJECT_SOURCE_DIR}/packaging/systemd/guidond.service
    DESTINATION lib/systemd/system COMPONENT server)
endif()
if(TARGET guidon)
  install(TARGETS guidon RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT cli)
endif()
if(TARGET guidon-remove-cpp)
  install(TARGETS guidon-remove-cpp RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT remove)
endif()

include(GuidonPackage)
