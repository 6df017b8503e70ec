#include "app/manifest_input.h"

#include <cstdio>
#include <filesystem>

#include "base/file_system.h"
#include "base/limits.h"

namespace systole {

void add_manifest_flags(CLI::App& verb, manifest_flags& into) {
  verb.add_option("FILE", into.files, "Manifest files: one Job, and its Connections")->required();
  verb.add_option("-p,--param", into.parameters, "Set a parameter of the manifest: NAME=VALUE")->allow_extra_args(false);
  verb.add_option("--parallelism", into.parallelism, "Parallelism instead of the manifest's")
      ->check(CLI::Range(1u, limits::max_parallelism));
}

result<std::vector<manifest_source>> read_manifest_files(const manifest_flags& flags) {
  std::vector<manifest_source> made;
  for (const std::string& path : flags.files) {
    SYSTOLE_ASSIGN(std::string text, posix_file_system().read_all(path, limits::manifest_bytes));
    made.push_back({path, std::move(text)});
  }
  return made;
}

result<std::map<std::string, std::string>> given_parameters(const manifest_flags& flags) {
  std::map<std::string, std::string> made;
  for (const std::string& each : flags.parameters) {
    const size_t equals = each.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail(error_code::invalid_argument, "--param " + each + ": write NAME=VALUE");
    made[each.substr(0, equals)] = each.substr(equals + 1);
  }
  return made;
}

result<compiled_manifest> read_manifest(const manifest_flags& flags) {
  compiled_manifest made;
  compile_options options;
  SYSTOLE_ASSIGN(made.sources, read_manifest_files(flags));
  SYSTOLE_ASSIGN(options.parameters, given_parameters(flags));
  if (flags.parallelism) options.parallelism = flags.parallelism;
  options.base_directory = std::filesystem::path(flags.files.front()).parent_path().string();
  made.compiled = compile(made.sources, options);
  return made;
}

std::optional<compiled_manifest> read_manifest_or_tell(const manifest_flags& flags, const char* verb) {
  auto read = read_manifest(flags);
  if (!read) {
    std::fprintf(stderr, "systole %s: %s\n", verb, read.error().message.c_str());
    return std::nullopt;
  }
  std::fputs(render_diagnostics(read->compiled.problems, read->sources).c_str(), stderr);
  if (!read->compiled.ok()) {
    size_t errors = 0;
    for (const diagnostic& each : read->compiled.problems) errors += each.level == severity::error;
    std::fprintf(stderr, "systole %s: %zu %s\n", verb, errors, errors == 1 ? "error" : "errors");
    return std::nullopt;
  }
  return std::move(*read);
}

}  // namespace systole
