# systole_library(name LINK ...): the static library of one folder, from all its .cc files.
function(systole_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LINK")
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  add_library(systole_${name} STATIC ${sources})
  target_include_directories(systole_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(systole_${name} PUBLIC ${arg_LINK})
endfunction()

# systole_test(name LINK ...): one GoogleTest executable from all .cc files of the calling folder; `unit_tests` builds it.
function(systole_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LINK")
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  add_executable(test_${name} EXCLUDE_FROM_ALL ${sources})
  target_link_libraries(test_${name} PRIVATE ${arg_LINK} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(test_${name} PRIVATE
    SYSTOLE_SOURCE_DIR="${CMAKE_SOURCE_DIR}" SYSTOLE_BINARY_DIR="${CMAKE_BINARY_DIR}")
  add_test(NAME ${name} COMMAND test_${name})
  set_tests_properties(${name} PROPERTIES LABELS unit)
  add_dependencies(unit_tests test_${name})
endfunction()
