# The three kinds of target in this project. The link graph is the arrow diagram of docs/architecture.md: a room
# names the rooms it uses under DEPS (or PUBLIC_DEPS, for what its headers include) and gets nothing else.

include(GuidonUnity)

# Compiler settings of every target of ours; they belong to targets, never to global variables.
add_library(guidon_settings INTERFACE)
target_compile_features(guidon_settings INTERFACE cxx_std_20)
target_compile_options(guidon_settings INTERFACE
  -Wall -Wextra -Wpedantic
  # A local name may be one that another file, compiled together with it, has for itself.
  $<$<NOT:$<BOOL:$<TARGET_PROPERTY:UNITY_BUILD>>>:-Wshadow>
  -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align -Wunused -Wno-missing-field-initializers
  $<$<BOOL:${GUIDON_WERROR}>:-Werror>
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)
if(GUIDON_SANITIZE STREQUAL "address")
  target_compile_options(guidon_settings INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_link_options(guidon_settings INTERFACE -fsanitize=address,undefined)
elseif(GUIDON_SANITIZE STREQUAL "thread")
  # g++ warns at every atomic_thread_fence in library headers, which TSan does not model; clang tells code in another way.
  target_compile_options(guidon_settings INTERFACE -fsanitize=thread
    $<IF:$<CXX_COMPILER_ID:GNU>,-Wno-tsan,-D__SANITIZE_THREAD__>)
  target_link_options(guidon_settings INTERFACE -fsanitize=thread)
elseif(NOT GUIDON_SANITIZE STREQUAL "")
  message(FATAL_ERROR "GUIDON_SANITIZE is '${GUIDON_SANITIZE}'; use address, thread or nothing")
endif()
if(GUIDON_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "GUIDON_FUZZ needs clang, which has libFuzzer; use the preset fuzz")
  endif()
  target_compile_options(guidon_settings INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(PROJECT_IS_TOP_LEVEL)
  find_program(GUIDON_LLD ld.lld)
  if(GUIDON_LLD)
    target_link_options(guidon_settings INTERFACE -fuse-ld=lld)
  endif()
endif()

# guidon_library(core_eval SOURCES a.cc PUBLIC_DEPS guidon::core_base DEPS re2::re2 [PUBLIC_INCLUDE include])
# A static library guidon_<name> with the alias guidon::<name>. Includes are written from the repository root;
# PUBLIC_INCLUDE names a folder of headers that are installed with the SDK.
function(guidon_library name)
  cmake_parse_arguments(ARG "" "PUBLIC_INCLUDE" "SOURCES;PUBLIC_DEPS;DEPS" ${ARGN})
  if(ARG_SOURCES)
    add_library(guidon_${name} STATIC ${ARG_SOURCES})
    set(scope PUBLIC)
    target_link_libraries(guidon_${name} PRIVATE $<BUILD_INTERFACE:guidon_settings> ${ARG_DEPS})
    target_include_directories(guidon_${name} PRIVATE ${PROJECT_SOURCE_DIR})
    set_target_properties(guidon_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    guidon_unity(guidon_${name} SOURCES ${ARG_SOURCES})
    if(name MATCHES "^(core|net|sdk)(_|$)")
      # What applications link: only GUIDON_API is to be seen from outside of what they make of it.
      set_target_properties(guidon_${name} PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
      guidon_precompiled(guidon_${name} KIND hidden)
    else()
      guidon_precompiled(guidon_${name} KIND library)
    endif()
  else()
    add_library(guidon_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(guidon::${name} ALIAS guidon_${name})
  target_link_libraries(guidon_${name} ${scope} ${ARG_PUBLIC_DEPS})
  if(ARG_PUBLIC_INCLUDE)
    target_include_directories(guidon_${name} ${scope}
      $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/${ARG_PUBLIC_INCLUDE}>
      $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  endif()
  set_target_properties(guidon_${name} PROPERTIES EXPORT_NAME ${name})
  set_property(GLOBAL APPEND PROPERTY GUIDON_LIBRARIES guidon_${name})  # cmake/GuidonInstall.cmake picks from it
endfunction()

# guidon_executable(guidond SOURCES main.cc DEPS guidon::server_app)
# Ends up in build/<preset>/bin/.
function(guidon_executable name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE guidon_settings ${ARG_DEPS})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  guidon_unity(${name} SOURCES ${ARG_SOURCES})
  if(GTest::gtest IN_LIST ARG_DEPS)
    guidon_precompiled(${name} KIND test)
  else()
    guidon_precompiled(${name} KIND program)
  endif()
endfunction()

# guidon_optimized(codec_test -O2)
# For what would take too long in debug builds.
function(guidon_optimized target level)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Debug>:${level}>)
  set_target_properties(${target} PROPERTIES DISABLE_PRECOMPILE_HEADERS ON)  # those were made without it
endfunction()

# guidon_test(codec_test SOURCES flag_codec_test.cc DEPS guidon::core_codec [LABELS unit;threads] [TIMEOUT 60] [COST 40])
# A GoogleTest program, one ctest entry. LABELS: `unit` (the default) runs under asan in CI; `threads` under tsan;
# `integration` starts processes; `long` runs in `./dev test all` only. TIMEOUT in seconds: for a test that needs more
# than what ./dev gives each. COST: how many it takes, roughly, where that is much: the longest begin first. The target
# guidon_tests_<label> builds all of a label. What each case did is left in <build>/results/<name>.xml, where ./dev test
# counts it.
function(guidon_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT;COST" "SOURCES;DEPS;LABELS;ENVIRONMENT" ${ARGN})
  guidon_executable(${name} SOURCES ${ARG_SOURCES} DEPS ${ARG_DEPS} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE
    GUIDON_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
    GUIDON_BIN_DIR="${PROJECT_BINARY_DIR}/bin"
    GUIDON_VERSION="${PROJECT_VERSION}")
  add_test(NAME ${name} COMMAND ${name})
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  if(ARG_TIMEOUT)
    if(GUIDON_SANITIZE)
      math(EXPR ARG_TIMEOUT "5 * ${ARG_TIMEOUT}")
    endif()
    set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT})
  endif()
  if(ARG_COST)
    set_tests_properties(${name} PROPERTIES COST ${ARG_COST})
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}"
    ENVIRONMENT "GTEST_OUTPUT=xml:${PROJECT_BINARY_DIR}/results/${name}.xml;${ARG_ENVIRONMENT}")
  if("unit" IN_LIST ARG_LABELS AND NOT GUIDON_UNIT_TESTS)
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL TRUE)
  endif()
  foreach(label ${ARG_LABELS})
    if(NOT TARGET guidon_tests_${label})
      add_custom_target(guidon_tests_${label})
    endif()
    add_dependencies(guidon_tests_${label} ${name})
  endforeach()
endfunction()
