# cmake -D way=find_package ... -P check.cmake: builds projects/consumer in one of the ways and checks what came out.
# Arguments: way, source_dir, build_dir (where the SDK is built already), version (the SDK's), work_dir, compiler,
# launcher, readelf.
cmake_minimum_required(VERSION 3.25)

include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)

# What is not installed any more must be missed.
file(REMOVE_RECURSE ${work_dir}/installed ${work_dir}/prefix)

set(options
  -D WAY=${way} -D CMAKE_BUILD_TYPE=Debug "-DCMAKE_CXX_FLAGS_DEBUG=-O0"
  -D CMAKE_CXX_COMPILER=${compiler} -D CMAKE_CXX_COMPILER_LAUNCHER=${launcher})
if(way MATCHES "^(find_package|shared|pkg_config)")
  foreach(component runtime sdk)
    run(${CMAKE_COMMAND} --install ${build_dir} --prefix ${work_dir}/installed --component ${component})
  endforeach()
  # What is installed is used where it is, which is neither where the build was configured for nor where it was
  # installed to: nothing in it may name a place.
  file(RENAME ${work_dir}/installed ${work_dir}/prefix)
  list(APPEND options -D CMAKE_PREFIX_PATH=${work_dir}/prefix -D HEADERS=${work_dir}/prefix/include)
else()
  # What the SDK alone must not look for cannot be found here.
  foreach(package RocksDB Boost yaml-cpp CLI11 GTest benchmark)
    list(APPEND options -D CMAKE_DISABLE_FIND_PACKAGE_${package}=ON)
  endforeach()
  list(APPEND options -D GUIDON_CHECKOUT=${source_dir} "-DHEADERS=${source_dir}/core/include;${source_dir}/sdk/include")
endif()

configure(${CMAKE_CURRENT_LIST_DIR}/projects/consumer ${work_dir}/build ${options})
run(${CMAKE_COMMAND} --build ${work_dir}/build --parallel)

# Where the version of the SDK stands: in the program, or in the library that it loads.
set(shared "")
if(way STREQUAL "shared" OR way STREQUAL "pkg_config")
  file(GLOB_RECURSE shared ${work_dir}/prefix/libguidon.so.${version})
  get_filename_component(folder ${shared} DIRECTORY)
  set(ENV{LD_LIBRARY_PATH} ${folder})
endif()

foreach(program consumer17 consumer20 consumer_bare)
  run(${work_dir}/build/${program})
  if(NOT output MATCHES "new-checkout = true")
    message(FATAL_ERROR "${program} did not evaluate its flag; it said:\n${output}")
  endif()
  # The application has a version of its own.
  set(holder ${work_dir}/build/${program})
  if(shared)
    set(holder ${shared})
  endif()
  file(STRINGS ${holder} agents REGEX "guidon-cpp/")
  if(NOT agents STREQUAL "guidon-cpp/${version}")
    message(FATAL_ERROR "the SDK in ${program} calls itself '${agents}', not guidon-cpp/${version}")
  endif()
  # The link line, as ninja would run it, and what the loader will look for.
  run(ninja -C ${work_dir}/build -t commands ${program})
  string(REGEX MATCH "[^\n]* -o ${program} [^\n]*" link_line "${output}")
  if(link_line STREQUAL "")
    message(FATAL_ERROR "there is no link line for ${program} in:\n${output}")
  endif()
  run(${readelf} -d ${work_dir}/build/${program})
  string(REGEX MATCHALL "NEEDED[^\n]*" needed "${output}")
  if(shared AND NOT needed MATCHES "libguidon.so")
    message(FATAL_ERROR "${program} does not load libguidon.so:\n${needed}")
  endif()
  string(REPLACE "${work_dir}" "" link_line "${link_line}")
  string(REPLACE "${source_dir}" "" link_line "${link_line}")
  foreach(text "${link_line}" "${needed}")
    string(TOLOWER "${text}" text)
    if(text MATCHES "boost|rocksdb|yaml|cli11")
      message(FATAL_ERROR "${program} links to ${CMAKE_MATCH_0}:\n${text}")
    endif()
  endforeach()
endforeach()
