# The man page and the completions, where a distribution puts them. Included after cli/, whose program prints
# its own completion scripts.
find_program(GO_MD2MAN go-md2man)
if(GO_MD2MAN)
  set(man ${PROJECT_BINARY_DIR}/standin.1)
  add_custom_command(OUTPUT ${man}
    COMMAND ${GO_MD2MAN} -in ${PROJECT_SOURCE_DIR}/docs/standin.1.md -out ${man}
    DEPENDS ${PROJECT_SOURCE_DIR}/docs/standin.1.md VERBATIM)
  add_custom_target(man ALL DEPENDS ${man})
  install(FILES ${man} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
else()
  message(STATUS "go-md2man is not installed: there will be no man page (apt-get install go-md2man)")
endif()

set(completions ${PROJECT_BINARY_DIR}/completions)
foreach(place bash:standin zsh:_standin fish:standin.fish)
  string(REPLACE ":" ";" place ${place})
  list(GET place 0 shell)
  list(GET place 1 file)
  add_custom_command(OUTPUT ${completions}/${file}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${completions}
    COMMAND standin completion ${shell} > ${completions}/${file}
    DEPENDS standin VERBATIM)
  list(APPEND completion_files ${completions}/${file})
endforeach()
add_custom_target(completions ALL DEPENDS ${completion_files})
install(FILES ${completions}/standin DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${completions}/_standin DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${completions}/standin.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
