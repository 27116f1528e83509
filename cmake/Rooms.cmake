# Rooms in floor order, and the two functions that make their targets.
set(FLOE_ROOMS base net oci registry proto erofs store cache keeper converter fusefs mount snapshotter cli)

# floe_room(ROOM DEPS a b ...): a static library of every .cc of the room except main*.cc. Sources are found by
# globbing so that a file cannot lie about unbuilt.
function(floe_room room)
  cmake_parse_arguments(arg "" "" "DEPS;EXCLUDE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  list(FILTER sources EXCLUDE REGEX "/main[^/]*\\.cc$")
  foreach(pattern IN LISTS arg_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "${pattern}")
  endforeach()
  if(sources)
    add_library(${room} STATIC ${sources})
    target_link_libraries(${room} PUBLIC floe_settings PRIVATE floe_warnings)
    target_link_libraries(${room} PUBLIC ${arg_DEPS})
    set_target_properties(${room} PROPERTIES UNITY_BUILD ${FLOE_UNITY} UNITY_BUILD_BATCH_SIZE 12)
  else()
    add_library(${room} INTERFACE)
    target_link_libraries(${room} INTERFACE floe_settings ${arg_DEPS})
  endif()
endfunction()

# floe_program(NAME MAIN DEPS...): a program in build/<preset>/bin, installed by `cmake --install`.
function(floe_program name main)
  add_executable(${name} ${main})
  target_link_libraries(${name} PRIVATE floe_settings floe_warnings ${ARGN})
  set_property(GLOBAL APPEND PROPERTY FLOE_PROGRAMS ${name})
endfunction()
