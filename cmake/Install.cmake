# `cmake --install build/release --prefix /usr/local`: programs, documents, shell completions, and what packaging/ adds.
include(GNUInstallDirs)
get_property(programs GLOBAL PROPERTY FLOE_PROGRAMS)
if(programs)
  install(TARGETS ${programs} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(FILES README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY doc/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md")

# Completions come from the program itself, so they cannot lag behind its options.
foreach(completion "bash:bash-completion/completions/floe" "zsh:zsh/site-functions/_floe" "fish:fish/vendor_completions.d/floe.fish")
  string(REGEX MATCH "^([a-z]+):(.*)$" unused ${completion})
  install(CODE "
    set(file \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}/${CMAKE_MATCH_2}\")
    get_filename_component(folder \"\${file}\" DIRECTORY)
    file(MAKE_DIRECTORY \"\${folder}\")
    message(STATUS \"Installing: \${file}\")
    execute_process(COMMAND \"${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/floe\" completion ${CMAKE_MATCH_1} OUTPUT_FILE \"\${file}\"
      COMMAND_ERROR_IS_FATAL ANY)")
endforeach()

file(GLOB units ${CMAKE_SOURCE_DIR}/packaging/systemd/*.service)
install(FILES ${units} DESTINATION lib/systemd/system)
