# Untested: vcpkg is not part of Debian, and nothing here runs it. An overlay port that builds the checkout it lies in:
#   vcpkg install guidon --overlay-ports=packaging/vcpkg
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

vcpkg_find_acquire_program(PKGCONFIG)
vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    -DGUIDON_BUILD_SERVER=OFF -DGUIDON_BUILD_TESTS=OFF -DGUIDON_BUILD_BENCH=OFF -DGUIDON_BUILD_EXAMPLES=OFF
    -DGUIDON_INSTALL=ON "-DPKG_CONFIG_EXECUTABLE=${PKGCONFIG}")
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/guidon)
vcpkg_fixup_pkgconfig()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
