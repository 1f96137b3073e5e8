# cmake -D source_dir=... -P sdk_alone.cmake: configures the tree with -DGUIDON_BUILD_SERVER=OFF where the libraries of
# the server cannot be found, looks at what there would be to build, and builds and runs one test.
# Arguments: source_dir, work_dir, compiler, launcher.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)

set(options -D GUIDON_BUILD_SERVER=OFF -D CMAKE_BUILD_TYPE=Debug -D "CMAKE_CXX_FLAGS_DEBUG=-O0"
  -D CMAKE_CXX_COMPILER=${compiler} -D CMAKE_CXX_COMPILER_LAUNCHER=${launcher})
foreach(package RocksDB Boost yaml-cpp CLI11)
  list(APPEND options -D CMAKE_DISABLE_FIND_PACKAGE_${package}=ON)
endforeach()
configure(${source_dir} ${work_dir}/build ${options})

run(ninja -C ${work_dir}/build -t targets all)
foreach(program bin/core_eval_test bin/net_test bin/sdk_test bin/bench_eval bin/quickstart sdk/libguidon_sdk.a)
  if(NOT output MATCHES "(^|\n)${program}: ")
    message(FATAL_ERROR "without the server, ${program} is not built either")
  endif()
endforeach()
if(output MATCHES "(^|\n)(bin/(guidond?|yaml_test|server_[a-z_]*|cli_[a-z_]*)|yaml/[^\n]*|server/[^\n]*|cli/[^\n]*): ")
  message(FATAL_ERROR "${CMAKE_MATCH_2} is built without the server")
endif()

run(${CMAKE_COMMAND} --build ${work_dir}/build --target net_test --parallel)
run(${work_dir}/build/bin/net_test)
