# Every library the project uses, found once. What the SDK alone needs comes first; the rest only when it is built.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL TRUE)  # a project that adds this one as a subfolder links to them, too
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(simdjson 3.0 REQUIRED)
find_package(tl-expected REQUIRED)
pkg_check_modules(re2 REQUIRED IMPORTED_TARGET GLOBAL re2)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET GLOBAL libxxhash)
# Debian ships cpp-httplib with a pkg-config file only; its CPPHTTPLIB_* macros are part of its ABI.
pkg_check_modules(cpp_httplib REQUIRED IMPORTED_TARGET GLOBAL cpp-httplib)

if(GUIDON_BUILD_SERVER)
  # RocksDB's package looks for the libraries it was built with; all of them come with librocksdb-dev.
  find_package(RocksDB 7.8 CONFIG REQUIRED)
  find_package(Boost 1.81 REQUIRED)
  find_package(yaml-cpp 0.7 REQUIRED)
  find_package(CLI11 2.1 REQUIRED)
  pkg_check_modules(argon2 REQUIRED IMPORTED_TARGET GLOBAL libargon2)
endif()
if(GUIDON_BUILD_CLI)
  find_package(pugixml 1.12 REQUIRED)
  pkg_check_modules(libyaml REQUIRED IMPORTED_TARGET GLOBAL yaml-0.1>=0.2.5)
  # Debian ships libcsv without a CMake package and without a pkg-config file.
  find_path(GUIDON_CSV_INCLUDE csv.h REQUIRED)
  find_library(GUIDON_CSV_LIBRARY csv REQUIRED)
  add_library(csv::csv UNKNOWN IMPORTED GLOBAL)
  set_target_properties(csv::csv PROPERTIES
    IMPORTED_LOCATION "${GUIDON_CSV_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${GUIDON_CSV_INCLUDE}")
endif()
if(GUIDON_BUILD_TESTS)
  find_package(GTest 1.12 REQUIRED)
endif()
if(GUIDON_BUILD_BENCH)
  find_package(benchmark 1.7 REQUIRED)
endif()
