# Options, and two interface targets that every target of ours links privately: floe_settings, floe_warnings.
option(FLOE_DEV "Warnings are errors (developers and CI, never users)" OFF)
option(FLOE_TESTS "Build the tests" ON)
option(FLOE_BENCH "Build the benchmarks" OFF)
option(FLOE_FUZZ "Build the libFuzzer targets (clang)" OFF)
option(FLOE_GRPC "Build the rooms that need gRPC (off where a sanitizer would only test gRPC)" ON)
option(FLOE_UNITY "Compile each room in few large units: half the time from nothing" OFF)
set(FLOE_SANITIZE "" CACHE STRING "Value of -fsanitize=, empty for none")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1 -fno-omit-frame-pointer")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")

find_program(FLOE_CCACHE ccache)
if(FLOE_CCACHE)
  # Paths below the source folder are hashed as relative ones: another checkout finds this one's results.
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${FLOE_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_C_COMPILER_LAUNCHER})
endif()

add_library(floe_settings INTERFACE)
target_include_directories(floe_settings INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
target_compile_definitions(floe_settings INTERFACE _FILE_OFFSET_BITS=64 FLOE_VERSION="${PROJECT_VERSION}")
# Relative file names in debug information and logs: builds of two checkouts are the same, and share a compiler cache.
target_compile_options(floe_settings INTERFACE -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
find_package(Threads REQUIRED)
target_link_libraries(floe_settings INTERFACE Threads::Threads)
if(FLOE_SANITIZE)
  target_compile_options(floe_settings INTERFACE -fsanitize=${FLOE_SANITIZE} -fno-sanitize-recover=all)
  string(REPLACE "fuzzer-no-link," "" FLOE_SANITIZE_LINK "${FLOE_SANITIZE}")
  target_link_options(floe_settings INTERFACE -fsanitize=${FLOE_SANITIZE_LINK})
endif()

add_library(floe_warnings INTERFACE)
target_compile_options(floe_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  -Wcast-qual -Wimplicit-fallthrough -Wvla $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)
# gcc 12 at -O2 sees overflows and unset values in libstdc++'s own vector, string and optional that are none (its bugs 105651, 105329, 80635).
target_compile_options(floe_warnings INTERFACE
  $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds;-Wno-stringop-overflow;-Wno-stringop-overread;-Wno-restrict;-Wno-maybe-uninitialized>)
if(FLOE_UNITY)
  # gcc takes every file but the one it was started with for a header, and warns of what only headers do wrong.
  target_compile_options(floe_warnings INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endif()
if(FLOE_DEV)
  target_compile_options(floe_warnings INTERFACE -Werror)
endif()
