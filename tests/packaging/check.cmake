# cmake -D way=find_package ... -P check.cmake: builds projects/consumer in one of the ways and checks what came out.
# Arguments: way, source_dir, build_dir (where the SDK is built already), version (the SDK's), work_dir, compiler,
# launcher, readelf.
cmake_minimum_required(VERSION 3.25)

include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)

file(REMOVE_RECURSE ${work_dir}/prefix)  # what is not installed any more must be missed

set(options
  -D WAY=${way} -D CMAKE_BUILD_TYPE=Debug "-DCMAKE_CXX_FLAGS_DEBUG=-O0"
  -D CMAKE_CXX_COMPILER=${compiler} -D CMAKE_CXX_COMPILER_LAUNCHER=${launcher})
if(way STREQUAL "find_package" OR way STREQUAL "pkg_config")
  run(${CMAKE_COMMAND} --install ${build_dir} --prefix ${work_dir}/prefix --component sdk)
  list(APPEND options -D CMAKE_PREFIX_PATH=${work_dir}/prefix -D HEADERS=${work_dir}/prefix/include)
  if(way STREQUAL "pkg_config")
    # Relocated, as a package manager would: the file itself names the prefix that the build was configured with.
    file(GLOB_RECURSE pc_file ${work_dir}/prefix/guidon.pc)
    file(READ ${pc_file} pc)
    string(REGEX REPLACE "prefix=[^\n]*" "prefix=${work_dir}/prefix" pc "${pc}")
    file(WRITE ${pc_file} "${pc}")
  endif()
else()
  # What the SDK alone must not look for cannot be found here.
  foreach(package RocksDB Boost yaml-cpp CLI11 GTest benchmark)
    list(APPEND options -D CMAKE_DISABLE_FIND_PACKAGE_${package}=ON)
  endforeach()
  list(APPEND options -D GUIDON_CHECKOUT=${source_dir} "-DHEADERS=${source_dir}/core/include;${source_dir}/sdk/include")
endif()

configure(${CMAKE_CURRENT_LIST_DIR}/projects/consumer ${work_dir}/build ${options})
run(${CMAKE_COMMAND} --build ${work_dir}/build --parallel)

foreach(standard 17 20)
  run(${work_dir}/build/consumer${standard})
  if(NOT output MATCHES "new-checkout = true")
    message(FATAL_ERROR "consumer${standard} did not evaluate its flag; it said:\n${output}")
  endif()
  # The application has a version of its own.
  file(STRINGS ${work_dir}/build/consumer${standard} agents REGEX "guidon-cpp/")
  if(NOT agents STREQUAL "guidon-cpp/${version}")
    message(FATAL_ERROR "the SDK in consumer${standard} calls itself '${agents}', not guidon-cpp/${version}")
  endif()
  # The link line, as ninja would run it, and what the loader will look for.
  run(ninja -C ${work_dir}/build -t commands consumer${standard})
  string(REGEX MATCH "[^\n]* -o consumer${standard} [^\n]*" link_line "${output}")
  if(link_line STREQUAL "")
    message(FATAL_ERROR "there is no link line for consumer${standard} in:\n${output}")
  endif()
  run(${readelf} -d ${work_dir}/build/consumer${standard})
  string(REGEX MATCHALL "NEEDED[^\n]*" needed "${output}")
  string(REPLACE "${work_dir}" "" link_line "${link_line}")
  string(REPLACE "${source_dir}" "" link_line "${link_line}")
  foreach(text "${link_line}" "${needed}")
    string(TOLOWER "${text}" text)
    if(text MATCHES "boost|rocksdb|yaml|cli11")
      message(FATAL_ERROR "consumer${standard} links to ${CMAKE_MATCH_0}:\n${text}")
    endif()
  endforeach()
endforeach()
