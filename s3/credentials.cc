#include "s3/credentials.h"

#include "base/limits.h"

namespace systole {
namespace {

result<std::string> read_secret(file_system& files, const std::string& path) {
  SYSTOLE_ASSIGN(std::string value, files.read_all(path, limits::secret_bytes));
  while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) value.pop_back();
  // It goes into a header.
  if (value.empty() || value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
    return fail(error_code::invalid_argument, "a secret is one line of text, not empty: " + path);
  return value;
}

result<s3_credentials> from_files(file_system& files, const std::string& directory, const std::string& name) {
  if (directory.empty())
    return fail(error_code::invalid_argument,
                "the secret " + name + " is wanted, but no directory of secrets is given");
  if (name.find('/') != std::string::npos || name.starts_with('.'))
    return fail(error_code::invalid_argument, "not the name of a secret: " + name);
  const std::string folder = directory + "/" + name;
  s3_credentials made;
  SYSTOLE_ASSIGN(made.access_key_id, read_secret(files, folder + "/accessKeyId"));
  SYSTOLE_ASSIGN(made.secret_access_key, read_secret(files, folder + "/secretAccessKey"));
  SYSTOLE_ASSIGN(const bool has_token, files.exists(folder + "/sessionToken"));
  if (has_token) {
    SYSTOLE_ASSIGN(made.session_token, read_secret(files, folder + "/sessionToken"));
  }
  return made;
}

result<s3_credentials> from_environment(const environment& variables) {
  const auto get = [&](const char* name) { return std::string(variables(name) ? variables(name) : ""); };
  s3_credentials made{get("AWS_ACCESS_KEY_ID"), get("AWS_SECRET_ACCESS_KEY"), get("AWS_SESSION_TOKEN")};
  if (made.access_key_id.empty() || made.secret_access_key.empty())
    return fail(error_code::invalid_argument,
                "no keys for the S3 service: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a secret "
                "(s3://...?secret=NAME)");
  return made;
}

}  // namespace

s3_credential_source s3_credentials_from(file_system& files, std::string secret_directory, std::string secret_name,
                                         environment variables) {
  if (secret_name.empty()) return [variables] { return from_environment(variables); };
  return [&files, directory = std::move(secret_directory), name = std::move(secret_name)] {
    return from_files(files, directory, name);
  };
}

}  // namespace systole
