# cmake -D build_dir=... -P deb.cmake: makes the Debian packages, installs them in an empty root as dpkg does, and uses
# what is there: the service, the command line with what removes flags from code, and the SDK.
#
# The root has, beside the packages, the machine's list of installed packages, so that their dependencies are looked at,
# and of those packages the files that are needed: the shell and ldconfig for the packages' scripts, the libraries that
# programs load, and the units that a unit can name. Needs to be root, or may make user namespaces. The machine itself
# is only read.
#
# Arguments: source_dir, build_dir, version, work_dir, compiler, launcher; with_remove, whether guidon-remove is built.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)

set(ENV{PATH} "/usr/sbin:/sbin:$ENV{PATH}")  # dpkg wants to find ldconfig there, and chroot is there
set(as_root "")
run(id -u)
if(NOT output EQUAL 0)
  set(as_root unshare --map-root-user)
endif()
set(root ${work_dir}/root)
set(inside ${as_root} chroot ${root})

file(REMOVE_RECURSE ${work_dir}/packages ${root})
run(${CMAKE_CPACK_COMMAND} --config ${build_dir}/CPackConfig.cmake -B ${work_dir}/packages)

# must_have(PACKAGE FIELD REGEX): a field of a package's control file.
function(must_have package field regex)
  run(dpkg-deb --field ${package} ${field})
  if(NOT output MATCHES "${regex}")
    message(FATAL_ERROR "${package}: ${field} is '${output}', which has no '${regex}'")
  endif()
endfunction()

set(names libguidon libguidon-dev guidon-server guidon-cli)
set(programs guidond guidon)
if(with_remove)
  list(APPEND names guidon-remove)
  list(APPEND programs guidon-remove-cpp)
endif()
set(packages "")
foreach(name ${names})
  file(GLOB package ${work_dir}/packages/${name}_${version}_*.deb)
  list(LENGTH package count)
  if(NOT count EQUAL 1)
    message(FATAL_ERROR "there are ${count} packages ${name}_${version}_*.deb")
  endif()
  list(APPEND packages ${package})
  must_have(${package} Version "^${version}")
  must_have(${package} Maintainer ".")
  must_have(${package} Description "Guidon")
  if(name STREQUAL "libguidon-dev")
    must_have(${package} Depends "libguidon \\(= ${version}\\).*libre2-dev")
  else()
    must_have(${package} Depends "libc6")
  endif()
endforeach()
file(GLOB package ${work_dir}/packages/guidon-server_*.deb)
must_have(${package} Depends "librocksdb")
if(with_remove)  # it reads clang's own headers, which nothing that it loads brings along
  file(GLOB package ${work_dir}/packages/guidon-remove_*.deb)
  foreach(needed "guidon-cli \\(= ${version}\\)" "libclang-common-16-dev" "libclang-cpp16" "libllvm16")
    must_have(${package} Depends "${needed}")
  endforeach()
endif()

# copy_libraries_of(FILE): those of the machine that it loads.
function(copy_libraries_of file)
  execute_process(COMMAND ldd ${file} OUTPUT_VARIABLE libraries ERROR_QUIET)
  string(REGEX MATCHALL "/[^ \n]+ \\(0x" libraries "${libraries}")
  foreach(library ${libraries})
    string(REPLACE " (0x" "" library "${library}")
    if(NOT EXISTS ${root}${library})
      run(install -D ${library} ${root}${library})
    endif()
  endforeach()
endfunction()

# copy_program(FILE TARGET): with its libraries.
function(copy_program file target)
  run(install -D ${file} ${root}${target})
  copy_libraries_of(${file})
endfunction()

# ---- Installed ----
foreach(folder bin sbin lib lib64)
  file(MAKE_DIRECTORY ${root}/usr/${folder})
  file(CREATE_LINK usr/${folder} ${root}/${folder} SYMBOLIC)
endforeach()
file(MAKE_DIRECTORY ${root}/etc ${root}/var/lib/dpkg/info ${root}/var/lib/dpkg/updates ${root}/var/lib/dpkg/triggers)
file(WRITE ${root}/etc/ld.so.conf "")
copy_program(/bin/sh /bin/sh)
copy_program(/sbin/ldconfig /sbin/ldconfig)
file(COPY /var/lib/dpkg/status DESTINATION ${root}/var/lib/dpkg)

run(${as_root} dpkg --root=${root} --force-unsafe-io --log=${work_dir}/dpkg.log --install ${packages})
run(dpkg-query --admindir=${root}/var/lib/dpkg --show --showformat=\${Package}:\${Status}\n ${names})
foreach(name ${names})
  if(NOT output MATCHES "(^|\n)${name}:install ok installed\n")
    message(FATAL_ERROR "${name} is not installed:\n${output}")
  endif()
endforeach()

# ---- The service ----
foreach(program ${programs})
  copy_libraries_of(${root}/usr/bin/${program})
  run(${inside} /usr/bin/${program} --version)
  if(NOT output MATCHES "${program} ${version}")
    message(FATAL_ERROR "${program} --version says ${output}")
  endif()
endforeach()
file(GLOB targets /usr/lib/systemd/system/*.target)
file(COPY ${targets} DESTINATION ${root}/usr/lib/systemd/system)
copy_program(/bin/true /bin/kill)  # of procps, which a system has and this root has not
run(systemd-analyze verify --root=${root} --man=no guidond.service)
if(NOT output STREQUAL "")
  message(FATAL_ERROR "systemd says of guidond.service:\n${output}")
endif()
# How much of the machine the service may reach, from 0 to 100: what is left is the network, and that it has no root
# folder of its own.
run(systemd-analyze security --offline=yes --root=${root} --no-pager --threshold=11 guidond.service)

# What docs/operations.md says of backups is about folders that systemd keeps.
file(STRINGS ${root}/usr/lib/systemd/system/guidond.service kept REGEX "^StateDirectory=")
file(READ ${source_dir}/docs/operations.md page)
if(NOT kept STREQUAL "StateDirectory=guidon guidon-backups" OR
   NOT page MATCHES "GUIDON_BACKUP_FOLDER=/var/lib/guidon-backups.*cd /var/lib/private\n    mv guidon guidon-before")
  message(FATAL_ERROR "the unit keeps '${kept}', and docs/operations.md speaks of other folders")
endif()

# A setting that is wrong ends it, and it is not started over and over.
file(STRINGS ${root}/usr/lib/systemd/system/guidond.service stays REGEX "^RestartPreventExitStatus=")
execute_process(COMMAND ${inside} /usr/bin/guidond --io-threads none RESULT_VARIABLE ended ERROR_VARIABLE errors)
if(NOT stays STREQUAL "RestartPreventExitStatus=${ended}")
  message(FATAL_ERROR "a wrong setting ends guidond with ${ended}, and the unit has ${stays}:\n${errors}")
endif()

# ---- An application, by pkg-config alone ----
set(ENV{PKG_CONFIG_PATH} ${root}/usr/lib/pkgconfig)
run(pkg-config --cflags --libs guidon)
separate_arguments(flags UNIX_COMMAND "${output}")
run(${compiler} -x c -std=c99 ${source_dir}/examples/c/quickstart.c -x none ${flags} -o ${work_dir}/quickstart_c)
copy_program(${work_dir}/quickstart_c /usr/bin/quickstart_c)
copy_libraries_of(${root}/usr/lib/libguidon.so.${version})
file(COPY ${CMAKE_CURRENT_LIST_DIR}/projects/workspace DESTINATION ${root})
run(sh ${CMAKE_CURRENT_LIST_DIR}/use_server.sh ${root} ${inside})
set(on "payments.v2 is on\ncheckout.layout is single\n")
string(REPLACE "is on" "is off" off "${on}")
if(NOT output MATCHES "${on}.*${off}$")
  message(FATAL_ERROR "what is installed says together:\n${output}")
endif()

# ---- Applications, by CMake ----
foreach(way shared find_package pkg_config pkg_config_static)
  configure(${CMAKE_CURRENT_LIST_DIR}/projects/consumer ${work_dir}/build_${way}
    -D WAY=${way} -D CMAKE_PREFIX_PATH=${root}/usr -D HEADERS=${root}/usr/include
    -D CMAKE_CXX_COMPILER=${compiler} -D CMAKE_CXX_COMPILER_LAUNCHER=${launcher})
  run(${CMAKE_COMMAND} --build ${work_dir}/build_${way} --target consumer17)
  copy_program(${work_dir}/build_${way}/consumer17 /usr/bin/${way})
  run(${inside} /usr/bin/${way})
  if(NOT output MATCHES "new-checkout = true")
    message(FATAL_ERROR "an application that got the SDK by ${way} says:\n${output}")
  endif()
endforeach()

# ---- Removed ----
run(${as_root} dpkg --root=${root} --force-unsafe-io --log=${work_dir}/dpkg.log --remove ${names})
file(GLOB_RECURSE left ${root}/usr/*guidon*)
if(left)
  message(FATAL_ERROR "after the packages are removed there is still ${left}")
endif()
