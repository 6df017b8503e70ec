#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

namespace systole::testing {

/// A golden file of docs/format/golden: lines of "name: value", in the order of the names. Formats are stored, so a
/// difference means a new layout version, never a new golden file for the old one. A new file is written by running the
/// tests with SYSTOLE_WRITE_GOLDEN=1.
inline void expect_golden(const std::string& file_name, const std::map<std::string, std::string>& actual) {
  const std::string path = SYSTOLE_SOURCE_DIR "/docs/format/golden/" + file_name;
  if (std::getenv("SYSTOLE_WRITE_GOLDEN")) {
    std::ofstream file(path);
    for (const auto& [name, value] : actual) file << name << ": " << value << "\n";
  }
  std::map<std::string, std::string> expected;
  std::ifstream file(path);
  ASSERT_TRUE(file.is_open()) << path;
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    ASSERT_NE(colon, std::string::npos) << line;
    expected[line.substr(0, colon)] = line.substr(colon + 2);
  }
  for (const auto& [name, value] : expected) {
    const auto found = actual.find(name);
    EXPECT_TRUE(found != actual.end() && found->second == value)
        << file_name << ", " << name << "\n  golden " << value << "\n  now    "
        << (found == actual.end() ? "absent" : found->second);
  }
  EXPECT_EQ(actual.size(), expected.size()) << "values without a golden line";
}

}  // namespace systole::testing
