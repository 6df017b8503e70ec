#include "connectors/connection_settings.h"

#include "base/limits.h"

namespace systole {
namespace {

/// A name that stays within its folder.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name[0] != '.' && name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

result<std::string> read_secret(const std::string& property, const proto::SecretValue& secret,
                                const std::string& directory, file_system& files) {
  const std::string what = "the secret " + secret.name() + "/" + secret.key() + " (" + property + ")";
  if (!is_plain_name(secret.name()) || !is_plain_name(secret.key()))
    return fail(error_code::invalid_argument, what + ": name and key are file names without / and leading dot");
  if (directory.empty())
    return fail(error_code::not_found, what + " is needed, but no secret directory was given: --secrets DIR");
  auto read = files.read_all(directory + "/" + secret.name() + "/" + secret.key(), limits::secret_bytes);
  if (!read) {
    failure cause = std::move(read).error();
    cause.message = what + " cannot be read: " + cause.message + "; write it there, or correct the connection's secretRef";
    return cause;
  }
  std::string value = std::move(read).value();
  if (value.ends_with('\n')) value.pop_back();
  if (value.ends_with('\r')) value.pop_back();
  if (value.find('\0') != std::string::npos)
    return fail(error_code::invalid_argument, what + " holds a zero byte: give it as text");
  return value;
}

}  // namespace

result<connection_settings> resolve_connection(const proto::Connection& connection, const std::string& secret_directory,
                                               file_system& files) {
  connection_settings made(connection.settings().begin(), connection.settings().end());
  for (const auto& [property, secret] : connection.secrets()) {
    auto value = read_secret(property, secret, secret_directory, files);
    if (!value) {
      failure cause = std::move(value).error();
      cause.message = "the connection " + connection.name() + ": " + cause.message;
      return cause;
    }
    made[property] = std::move(value).value();
  }
  return made;
}

}  // namespace systole
