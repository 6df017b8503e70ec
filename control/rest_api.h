#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/file_system.h"
#include "control/api_tokens.h"
#include "control/listen_address.h"
#include "coordination/cluster_service.h"
#include "http/message.h"
#include "http/server.h"

namespace systole {

struct rest_options {
  std::optional<api_tokens> tokens;  ///< none: everybody who reaches the server may do everything
  /// Other paths that the same server answers, for viewers: /metrics.
  std::map<std::string, http_handler> others;
};

/// The API under /api/v1, as control/openapi.json describes it, besides /healthz and /readyz. `cluster` outlives the
/// server.
http_handler make_rest_api(cluster_service& cluster, rest_options options);

struct rest_server_options {
  listen_address where;
  std::string token_file;   ///< see api_tokens; may be empty on a loopback address only
  std::string certificate;  ///< PEM files: TLS; both or none
  std::string key;
  std::map<std::string, http_handler> others;
};

/// Serves make_rest_api. `invalid_argument` for an address that others reach without tokens.
result<std::unique_ptr<http_server>> serve_rest_api(cluster_service& cluster, const rest_server_options& options,
                                                    file_system& files);

}  // namespace systole
