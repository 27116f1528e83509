# `cmake --install build/release --prefix /usr/local`: programs, and what packaging/ adds.
include(GNUInstallDirs)
get_property(programs GLOBAL PROPERTY FLOE_PROGRAMS)
if(programs)
  install(TARGETS ${programs} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
