# `cpack --config BUILD/CPackConfig.cmake` makes Debian packages, one for each component of cmake/GuidonInstall.cmake:
#   libguidon       the shared library
#   libguidon-dev   headers, static libraries, the link for the linker, CMake and pkg-config files
#   guidon-server   guidond with its systemd unit
#   guidon-cli      guidon
#   guidon-remove   guidon-remove-cpp, where it is built
# Needs the packages `file` and `dpkg-dev`.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR Guidon)
set(CPACK_PACKAGE_CONTACT "The Guidon authors")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_STRIP_FILES ON)

set(CPACK_DEBIAN_PACKAGE_MAINTAINER "The Guidon authors <guidon@invalid>")
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)

set(CPACK_COMPONENTS_ALL runtime sdk)
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "Guidon SDK: the shared library
 Evaluates feature flags and experiments inside the application, against rules
 streamed from a Guidon server.")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME libguidon)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)

set(CPACK_COMPONENT_SDK_DESCRIPTION "Guidon SDK: headers and static libraries
 For C++17 and later, and for C.")
set(CPACK_DEBIAN_SDK_PACKAGE_NAME libguidon-dev)
set(CPACK_DEBIAN_SDK_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_SDK_PACKAGE_DEPENDS "libguidon (= ${PROJECT_VERSION}), libssl-dev, libsimdjson-dev, libre2-dev, \
libxxhash-dev, libcpp-httplib-dev, zlib1g-dev")

if(TARGET guidond)
  list(APPEND CPACK_COMPONENTS_ALL server)
  set(CPACK_COMPONENT_SERVER_DESCRIPTION "Guidon server
 Keeps feature flags and experiments, and streams every change to SDKs.")
  set(CPACK_DEBIAN_SERVER_PACKAGE_NAME guidon-server)
endif()
if(TARGET guidon)
  list(APPEND CPACK_COMPONENTS_ALL cli)
  set(CPACK_COMPONENT_CLI_DESCRIPTION "Guidon command line
 Feature flags and experiments as code: validate, plan, apply, gate.")
  set(CPACK_DEBIAN_CLI_PACKAGE_NAME guidon-cli)
endif()
if(TARGET guidon-remove-cpp)
  list(APPEND CPACK_COMPONENTS_ALL remove)
  set(CPACK_COMPONENT_REMOVE_DESCRIPTION "Guidon command line: what parses C++
 Lets `guidon remove` take flags out of C++ code.")
  set(CPACK_DEBIAN_REMOVE_PACKAGE_NAME guidon-remove)
  # clang's own headers, such as stddef.h
  set(CPACK_DEBIAN_REMOVE_PACKAGE_DEPENDS "guidon-cli (= ${PROJECT_VERSION}), libclang-common-16-dev")
endif()
include(CPack)
