# `cmake --install build/release --prefix /usr/local`: programs, documents, man pages, shell completions, systemd units, examples.
# DESTDIR works as everywhere; what names installed files names them below the prefix.
include(GNUInstallDirs)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
get_property(programs GLOBAL PROPERTY FLOE_PROGRAMS)
if(programs)
  install(TARGETS ${programs} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(FILES README.md CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY doc/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md" PATTERN "man" EXCLUDE)
install(DIRECTORY packaging/config/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples FILES_MATCHING PATTERN "*.toml")
install(DIRECTORY packaging/policies/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/policies FILES_MATCHING PATTERN "*.json")

install(CODE "
  file(GLOB pages \"${CMAKE_SOURCE_DIR}/doc/man/*.md\")
  foreach(page IN LISTS pages)
    execute_process(COMMAND \"${Python3_EXECUTABLE}\" \"${CMAKE_SOURCE_DIR}/packaging/man_page.py\" \"\${page}\"
      \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_MANDIR}\" ${PROJECT_VERSION} COMMAND_ERROR_IS_FATAL ANY)
  endforeach()
  message(STATUS \"Installing: \$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_MANDIR}\")")

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

# The units name programs and documents by their whole path, which --prefix decides.
install(CODE "
  file(GLOB units \"${CMAKE_SOURCE_DIR}/packaging/systemd/*.service\")
  foreach(unit IN LISTS units)
    file(READ \"\${unit}\" text)
    string(REPLACE \"/usr/local/bin/\" \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/\" text \"\${text}\")
    string(REPLACE \"/usr/local/share/doc/floe/\" \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DOCDIR}/\" text \"\${text}\")
    get_filename_component(name \"\${unit}\" NAME)
    set(file \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib/systemd/system/\${name}\")
    message(STATUS \"Installing: \${file}\")
    file(WRITE \"\${file}\" \"\${text}\")
  endforeach()")
