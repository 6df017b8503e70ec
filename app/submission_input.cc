#include "app/submission_input.h"

#include <filesystem>
#include <utility>

namespace systole {

void add_submission_flags(CLI::App& verb, submission_flags& into) {
  add_manifest_flags(verb, into);
  verb.add_option(
      "--directory", into.directory,
      "What relative paths in the manifest are relative to on the cluster's machines (else the first file's folder)");
  verb.add_flag("--drop-state", into.drop_state,
                "Go on although saved state of a step is not in the manifest any more");
}

result<json_value> submission_body(const submission_flags& flags, json_value::object more) {
  json_value::array files;
  SYSTOLE_ASSIGN(const auto sources, read_manifest_files(flags));
  for (const manifest_source& each : sources)
    files.emplace_back(json_value::object{{"name", json_value(each.path)}, {"text", json_value(each.text)}});
  SYSTOLE_ASSIGN(const auto given, given_parameters(flags));
  json_value::object parameters;
  for (const auto& [name, value] : given) parameters.emplace_back(name, json_value(value));
  std::error_code unknown;
  const std::filesystem::path first = std::filesystem::absolute(flags.files.front(), unknown);
  const std::string directory = flags.directory.empty() ? first.parent_path().string() : flags.directory;
  json_value::object body;
  body.emplace_back("files", json_value(std::move(files)));
  body.emplace_back("directory", json_value(directory));
  body.emplace_back("parameters", json_value(std::move(parameters)));
  if (flags.parallelism > 0) body.emplace_back("parallelism", json_value(int64_t(flags.parallelism)));
  if (flags.drop_state) body.emplace_back("allowDropState", json_value(true));
  for (auto& each : more) body.push_back(std::move(each));
  return request_body(std::move(body));
}

}  // namespace systole
