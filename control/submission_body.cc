#include "control/submission_body.h"

#include "base/limits.h"
#include "control/request_body.h"
#include "control/rest_routes.h"

namespace systole {

result<job_submission> read_submission(const std::string& text) {
  SYSTOLE_ASSIGN(const json_value body, parse_body(text));
  object_members members(body, "the body");
  job_submission made;
  const auto& files = members.list("files", limits::submission_files, true);
  for (size_t at = 0; at < files.size(); ++at) {
    object_members file(files[at], "files[" + std::to_string(at) + "]");
    job_submission::file& each = made.files.emplace_back();
    each.name = file.text("name", limits::api_path_bytes, true);
    each.text = file.text("text", limits::manifest_bytes, true, true);
    SYSTOLE_TRY(file.end());
  }
  made.directory = members.text("directory", limits::api_path_bytes);
  made.parameters = members.texts("parameters", limits::submission_parameters, limits::api_path_bytes);
  made.parallelism = members.number("parallelism", 0, limits::max_parallelism);
  made.from_savepoint = members.text("fromSavepoint", limits::api_path_bytes);
  made.allow_drop_state = members.flag("allowDropState");
  made.dry_run = members.flag("dryRun");
  made.request = members.text("request", limits::api_name_bytes);
  SYSTOLE_TRY(members.end());
  return made;
}

void write_problems(json_text& to, const std::vector<std::string>& problems) {
  to.open_array();
  for (const std::string& each : problems) to.text(each);
  to.close_array();
}

http_response refused_manifest(const std::vector<std::string>& problems) {
  json_text body;
  body.open_object().key("error").open_object();
  body.key("code").text("invalid_manifest").key("message").text("the manifest was refused");
  write_problems(body.key("problems"), problems);
  body.close_object().close_object();
  return json_response(422, std::move(body));
}

}  // namespace systole
