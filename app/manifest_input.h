#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "plan/compile.h"

namespace systole {

/// The flags of every verb that reads manifests: the files, --param and --parallelism.
struct manifest_flags {
  std::vector<std::string> files;
  std::vector<std::string> parameters;   ///< NAME=VALUE
  uint32_t parallelism = 0;              ///< 0: the manifest's
};
void add_manifest_flags(CLI::App& verb, manifest_flags& into);

/// The files' texts, each under the name that was given.
result<std::vector<manifest_source>> read_manifest_files(const manifest_flags& flags);
/// --param by name; fails where one is not NAME=VALUE.
result<std::map<std::string, std::string>> given_parameters(const manifest_flags& flags);

/// A compiled manifest with what it was compiled from.
struct compiled_manifest {
  std::vector<manifest_source> sources;
  compile_result compiled;
};
/// Reads and compiles; relative paths in the manifest are relative to the first file's folder. Fails where a file cannot
/// be read or a parameter is not NAME=VALUE; problems within the manifest are in the result.
result<compiled_manifest> read_manifest(const manifest_flags& flags);

/// read_manifest, with every problem told on stderr. Nothing where there was an error.
std::optional<compiled_manifest> read_manifest_or_tell(const manifest_flags& flags, const char* verb);

}  // namespace systole
