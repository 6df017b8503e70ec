// Broken manifests and their messages, good manifests and their plans, as files beside this one. To accept a change:
// SYSTOLE_UPDATE_GOLDEN=1 test_plan, and read the difference.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "plan/compile.h"

namespace systole {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<fs::path> manifests(const char* folder) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(fs::path(SYSTOLE_SOURCE_DIR) / "tests/plan" / folder))
    if (entry.path().extension() == ".yaml") found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

void expect_golden(const fs::path& golden, const std::string& given) {
  if (std::getenv("SYSTOLE_UPDATE_GOLDEN")) {
    std::ofstream(golden, std::ios::binary) << given;
    return;
  }
  ASSERT_TRUE(fs::exists(golden)) << golden << " is missing; the test gave:\n" << given;
  EXPECT_EQ(read(golden), given) << golden;
}

compile_options options_of(const std::string& text) {
  // `# --param NAME=VALUE` and `# --parallelism N` lines of a manifest are its command line.
  compile_options options;
  options.environment = [](const std::string& name) -> std::optional<std::string> {
    if (name == "WARD") return "ICU";
    return std::nullopt;
  };
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# --param ")) {
      const std::string pair = line.substr(10);
      options.parameters[pair.substr(0, pair.find('='))] = pair.substr(pair.find('=') + 1);
    } else if (line.starts_with("# --parallelism ")) {
      options.parallelism = static_cast<uint32_t>(std::stoul(line.substr(16)));
    }
  }
  return options;
}

class broken_manifest : public testing::TestWithParam<fs::path> {};

TEST_P(broken_manifest, says_what_is_wrong) {
  const std::vector<manifest_source> files{{GetParam().filename().string(), read(GetParam())}};
  const compile_result compiled = compile(files, options_of(files[0].text));
  EXPECT_FALSE(compiled.ok());
  fs::path golden = GetParam();
  expect_golden(golden.replace_extension(".txt"), render_diagnostics(compiled.problems, files));
}

class good_manifest : public testing::TestWithParam<fs::path> {};

TEST_P(good_manifest, explains_its_plan) {
  const std::vector<manifest_source> files{{GetParam().filename().string(), read(GetParam())}};
  const compile_result compiled = compile(files, options_of(files[0].text));
  const std::string problems = render_diagnostics(compiled.problems, files);
  ASSERT_TRUE(compiled.ok()) << problems;
  fs::path golden = GetParam();
  expect_golden(golden.replace_extension(".txt"), problems + explain(compiled, explain_format::text));
}

std::string name_of(const testing::TestParamInfo<fs::path>& info) { return info.param.stem().string(); }

INSTANTIATE_TEST_SUITE_P(files, broken_manifest, testing::ValuesIn(manifests("broken")), name_of);
INSTANTIATE_TEST_SUITE_P(files, good_manifest, testing::ValuesIn(manifests("good")), name_of);

TEST(broken_manifests, are_at_least_sixty) { EXPECT_GE(manifests("broken").size(), 60u); }

}  // namespace
}  // namespace systole
