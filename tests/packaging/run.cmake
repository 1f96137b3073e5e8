# What the scripts of this folder do by other programs.

# run(COMMAND...): sets `output`; ends the script where the command fails.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\nended with ${status}:\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

# configure(SOURCE BUILD OPTION...): looks for everything anew, as in an empty folder, and keeps what was compiled in
# BUILD before, so that ninja compiles what has changed since.
function(configure source build)
  file(REMOVE ${build}/CMakeCache.txt)
  run(${CMAKE_COMMAND} -G Ninja -S ${source} -B ${build} ${ARGN})
endfunction()
