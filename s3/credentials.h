#pragma once

#include <functional>
#include <string>

#include "base/file_system.h"
#include "base/result.h"

namespace systole {

/// Keys of an S3 service. Never part of a message or a log line.
struct s3_credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  ///< empty: none
};

/// Reads the environment, as std::getenv does: null where a name is not set.
using environment = std::function<const char*(const char* name)>;

/// Reads the keys that count now: asked again when the service refuses the last ones, for keys are exchanged.
using s3_credential_source = std::function<result<s3_credentials>()>;

/// From DIRECTORY/NAME/{accessKeyId,secretAccessKey,sessionToken}; without a name from AWS_ACCESS_KEY_ID,
/// AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. `files` and `variables` are kept.
s3_credential_source s3_credentials_from(file_system& files, std::string secret_directory, std::string secret_name,
                                         environment variables);

}  // namespace systole
