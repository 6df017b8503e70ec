#pragma once

#include <map>
#include <string>

#include "base/file_system.h"
#include "base/result.h"
#include "proto/plan.pb.h"

namespace systole {

/// What a client library is given: its settings by its own names, secrets among them. Goes nowhere else: no log, no
/// message, no state.
using connection_settings = std::map<std::string, std::string>;

/// A connection's settings with its secrets read from DIR/name/key; a last line end is not part of a value.
/// `not_found` and `invalid_argument` name the secret and the property that wants it, never a value.
result<connection_settings> resolve_connection(const proto::Connection& connection, const std::string& secret_directory,
                                               file_system& files);

}  // namespace systole
