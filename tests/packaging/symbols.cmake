# cmake -D library=libguidon.so -D nm=nm -D readelf=readelf -D source_dir=... -P symbols.cmake: the library shows what the
# public headers declare, and nothing else; what they declare and do not define, it shows; and dlclose leaves it where
# it is.
#
# The headers are read as they are written: a class begins with `class GUIDON_API Name` and ends with `};` at the start of
# a line. Whose name is declared there is held, not with which arguments.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)

# ---- What the headers declare ----

# read_code(FILE VARIABLE): without comments and preprocessor lines; `@` in place of semicolons.
function(read_code file variable)
  file(READ ${file} code)
  string(REPLACE ";" "@" code "${code}")
  string(REPLACE "operator()" "operator_call" code "${code}")
  string(REGEX REPLACE "//[^\n]*" "" code "${code}")
  string(REGEX REPLACE "/\\*[^*]*(\\*+[^*/][^*]*)*\\*+/" "" code "${code}")
  string(REGEX REPLACE "\n#[^\n]*(\\\\\n[^\n]*)*" "\n" code "${code}")
  set(${variable} "${code}" PARENT_SCOPE)
endfunction()

# strip_bodies(CODE VARIABLE): `=@` in place of what is in braces, to any depth.
function(strip_bodies code variable)
  set(before "")
  while(NOT code STREQUAL before)
    set(before "${code}")
    string(REGEX REPLACE "{[^{}]*}" "=@" code "${code}")
  endwhile()
  set(${variable} "${code}" PARENT_SCOPE)
endfunction()

# declared_functions(CODE WITH_DEFINED VARIABLE): the functions that are declared in it; WITH_DEFINED: those with a body,
# too, or with another `=`, as of a default.
function(declared_functions code with_defined variable)
  string(REGEX MATCHALL "(operator[^ (@a-z_]+|~?[A-Za-z_]+)\\([^@{}]*@" declarations "${code}")
  set(names "")
  foreach(declaration ${declarations})
    string(REGEX MATCH "^[^(]+" name "${declaration}")
    string(REGEX REPLACE "^operator=+" "" rest "${declaration}")
    if(with_defined OR NOT rest MATCHES "=")
      list(APPEND names ${name})
    endif()
  endforeach()
  list(REMOVE_DUPLICATES names)
  list(REMOVE_ITEM names void bool static_assert decltype noexcept)
  set(${variable} "${names}" PARENT_SCOPE)
endfunction()

set(may_show "")   # "guidon_bool", "guidon::Client::Close", "guidon::ToString"
set(must_show "")

read_code(${source_dir}/sdk/include/guidon.h code)
string(REGEX MATCHALL "GUIDON_EXPORT[^(@]*[ *](guidon_[a-z_]+)\\(" declarations "${code}")
foreach(declaration ${declarations})
  string(REGEX REPLACE ".*(guidon_[a-z_]+)\\($" "\\1" name "${declaration}")
  list(APPEND may_show ${name})
  list(APPEND must_show ${name})
endforeach()

file(GLOB headers ${source_dir}/core/include/guidon/*.h ${source_dir}/sdk/include/guidon/*.h)
foreach(header ${headers})
  read_code(${header} code)
  # Functions outside of classes, and friends.
  string(REGEX MATCHALL "GUIDON_API [^(@{}]*[ *&](operator[^(]+|[A-Za-z]+)\\(" declarations "${code}")
  foreach(declaration ${declarations})
    string(REGEX REPLACE ".*[ *&](operator[^(]+|[A-Za-z]+)\\($" "guidon::\\1" name "${declaration}")
    list(APPEND may_show ${name})
    list(APPEND must_show ${name})
  endforeach()
  # Classes.
  while(code MATCHES "\n(class|struct) GUIDON_API ([A-Za-z]+)[^@{]*{")
    set(class ${CMAKE_MATCH_2})
    string(FIND "${code}" "${CMAKE_MATCH_0}" begin)
    string(LENGTH "${CMAKE_MATCH_0}" length)
    math(EXPR begin "${begin} + ${length}")
    string(SUBSTRING "${code}" ${begin} -1 code)
    string(FIND "${code}" "\n}@" end)
    string(SUBSTRING "${code}" 0 ${end} body)
    strip_bodies("${body}" body)
    string(REGEX REPLACE "friend [^@]*@" "" body "${body}")
    declared_functions("${body}" TRUE names)
    list(TRANSFORM names PREPEND "guidon::${class}::")
    list(APPEND may_show ${names})
    # What is private may be inline in a source; whoever needs it misses it when linking.
    string(REGEX REPLACE "\n private:.*" "" body "${body}")
    declared_functions("${body}" FALSE names)
    list(TRANSFORM names PREPEND "guidon::${class}::")
    list(APPEND must_show ${names})
  endwhile()
endforeach()

# ---- What the library shows ----
run(${nm} --dynamic --defined-only --demangle --format=posix ${library})
string(REPLACE ";" "," output "${output}")
string(REGEX MATCHALL "[^\n]+" lines "${output}")
set(shown "")
foreach(line ${lines})
  set(name "${line}")
  # Of a template's instance: its arguments, innermost first, and what it returns.
  set(before "")
  while(NOT name STREQUAL before)
    set(before "${name}")
    string(REGEX REPLACE "([A-Za-z])<[^<>]*>" "\\1" name "${name}")
  endwhile()
  string(REGEX REPLACE "\\[abi:[a-z0-9]+\\]" "" name "${name}")
  string(REPLACE "operator()" "operator_call" name "${name}")
  string(REGEX MATCH "^(guidon_[a-z_]+ T |guidon::([A-Za-z]+::)?(operator[^ (]+|~?[A-Za-z_]+)\\()" name "${name}")
  string(REGEX REPLACE "( T |\\()$" "" name "${name}")
  if(name STREQUAL "")
    message(FATAL_ERROR "libguidon.so shows what is no function of a public header: ${line}")
  endif()
  if(NOT name IN_LIST may_show)
    message(FATAL_ERROR "libguidon.so shows ${name}, which no public header declares: ${line}")
  endif()
  list(APPEND shown ${name})
endforeach()

foreach(name ${must_show})
  if(NOT name IN_LIST shown)
    message(FATAL_ERROR "a public header declares ${name}, and libguidon.so does not show it")
  endif()
endforeach()
list(REMOVE_DUPLICATES shown)
list(LENGTH shown count)
message(STATUS "${count} names")

run(${readelf} --dynamic --wide ${library})
if(NOT output MATCHES "FLAGS_1[^\n]*NODELETE")
  message(FATAL_ERROR "libguidon.so may be unloaded while threads have yet to run its destructors")
endif()
