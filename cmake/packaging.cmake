# `cmake --install` and the Debian package (`cpack -G DEB` in a release build): the command, systemd units, completions, jobs
# and documents. tests/deploy/package_test.sh builds it and tries it in a clean system.

# Installing is packing what was built: without this CPack would first build all targets, tests too.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)

set(packed ${CMAKE_BINARY_DIR}/packaging)
install(TARGETS systole RUNTIME DESTINATION bin)
install(CODE "
  file(MAKE_DIRECTORY ${packed})
  foreach(shell bash zsh)
    execute_process(COMMAND $<TARGET_FILE:systole> completion \${shell} OUTPUT_FILE ${packed}/completion.\${shell}
                    COMMAND_ERROR_IS_FATAL ANY)
  endforeach()
  execute_process(COMMAND gzip -9nc ${CMAKE_SOURCE_DIR}/deploy/debian/changelog OUTPUT_FILE ${packed}/changelog.gz
                  COMMAND_ERROR_IS_FATAL ANY)")
install(FILES ${packed}/completion.bash DESTINATION share/bash-completion/completions RENAME systole)
install(FILES ${packed}/completion.zsh DESTINATION share/zsh/vendor-completions RENAME _systole)
install(FILES ${packed}/changelog.gz DESTINATION share/doc/systole)
install(FILES deploy/systemd/systole-coordinator.service deploy/systemd/systole-worker.service
        DESTINATION /lib/systemd/system)
install(FILES deploy/systemd/coordinator.env deploy/systemd/worker.env DESTINATION /etc/systole)
install(DIRECTORY jobs/hospital DESTINATION share/systole/jobs USE_SOURCE_PERMISSIONS
        PATTERN demo EXCLUDE)  # which builds from source
install(DIRECTORY deploy/prometheus deploy/dashboards DESTINATION share/systole
        PATTERN tests EXCLUDE PATTERN __pycache__ EXCLUDE PATTERN "*.py" EXCLUDE)
install(FILES deploy/debian/copyright README.md docs/manifest.md docs/manifest_reference.md docs/expressions.md
              docs/metrics.md docs/operations.md docs/postgresql.md
        DESTINATION share/doc/systole)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME systole)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "Systole maintainers <maintainers@systole.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "actor-based stream processor with exactly-once results")
set(CPACK_PACKAGE_DESCRIPTION
"Runs stream-processing jobs that are written as YAML manifests, with steps in
PostgreSQL's expression dialect: from Kafka and files to Kafka, PostgreSQL,
SQLite and files. Keeps its state in checkpoints and delivers each result
exactly once, through crashes and restarts, in one process or in a cluster.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION misc)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
# The libraries are what dpkg-shlibdeps finds; by hand only what the maintainer scripts call.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "prometheus, bash-completion")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${CMAKE_SOURCE_DIR}/deploy/debian/conffiles ${CMAKE_SOURCE_DIR}/deploy/debian/postinst
    ${CMAKE_SOURCE_DIR}/deploy/debian/prerm ${CMAKE_SOURCE_DIR}/deploy/debian/postrm)
include(CPack)
