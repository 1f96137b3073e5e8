# cmake -D build_dir=... -P deb.cmake: makes the Debian packages, unpacks them into an empty prefix, and uses what is there.
# Arguments: source_dir, build_dir, version, work_dir, compiler, launcher.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)

file(REMOVE_RECURSE ${work_dir}/packages ${work_dir}/root)
run(${CMAKE_CPACK_COMMAND} --config ${build_dir}/CPackConfig.cmake -B ${work_dir}/packages)

# must_have(PACKAGE FIELD REGEX): a field of a package's control file.
function(must_have package field regex)
  run(dpkg-deb --field ${package} ${field})
  if(NOT output MATCHES "${regex}")
    message(FATAL_ERROR "${package}: ${field} is '${output}', which has no '${regex}'")
  endif()
endfunction()

foreach(name libguidon libguidon-dev guidon-server guidon-cli)
  file(GLOB package ${work_dir}/packages/${name}_${version}_*.deb)
  list(LENGTH package count)
  if(NOT count EQUAL 1)
    message(FATAL_ERROR "there are ${count} packages ${name}_${version}_*.deb")
  endif()
  must_have(${package} Version "^${version}")
  must_have(${package} Maintainer ".")
  must_have(${package} Description "Guidon")
  if(name STREQUAL "libguidon-dev")
    must_have(${package} Depends "libguidon \\(= ${version}\\).*libre2-dev")
  else()
    must_have(${package} Depends "libc6")
  endif()
  run(dpkg-deb --extract ${package} ${work_dir}/root)
endforeach()
file(GLOB package ${work_dir}/packages/guidon-server_*.deb)
must_have(${package} Depends "librocksdb")

# The programs run, and the service starts what is there.
set(root ${work_dir}/root)
foreach(program guidond guidon)
  run(${root}/usr/bin/${program} --version)
  if(NOT output MATCHES "${program} ${version}")
    message(FATAL_ERROR "${program} --version says ${output}")
  endif()
endforeach()
# With the settings of the unit.
file(GLOB_RECURSE unit ${root}/*/guidond.service)
file(STRINGS "${unit}" starts REGEX "^ExecStart=/usr/bin/guidond$")
file(STRINGS "${unit}" settings REGEX "^Environment=")
if(starts STREQUAL "")
  message(FATAL_ERROR "there is no unit that starts /usr/bin/guidond")
endif()
string(REPLACE "Environment=" "" settings "${settings}")
run(${CMAKE_COMMAND} -E env ${settings} ${root}/usr/bin/guidond --print-config)
if(NOT output MATCHES "/var/lib/guidon")
  message(FATAL_ERROR "the settings of the service give:\n${output}")
endif()

# An application finds the SDK.
file(GLOB_RECURSE library ${root}/libguidon.so.${version})
get_filename_component(folder "${library}" DIRECTORY)
set(ENV{LD_LIBRARY_PATH} ${folder})
configure(${CMAKE_CURRENT_LIST_DIR}/projects/consumer ${work_dir}/build
  -D WAY=shared -D CMAKE_PREFIX_PATH=${root}/usr -D HEADERS=${root}/usr/include
  -D CMAKE_CXX_COMPILER=${compiler} -D CMAKE_CXX_COMPILER_LAUNCHER=${launcher})
run(${CMAKE_COMMAND} --build ${work_dir}/build --target consumer17)
run(${work_dir}/build/consumer17)
if(NOT output MATCHES "new-checkout = true")
  message(FATAL_ERROR "an application with the installed library says:\n${output}")
endif()
