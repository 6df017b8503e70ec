#include "control/rest_api.h"

#include <charconv>

#include "base/log.h"
#include "control/rest_routes.h"
#include "formats/utf8_check.h"

namespace systole {
namespace {

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> out;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const std::string_view segment = path.substr(0, path.find('/'));
    out.push_back(segment);
    path.remove_prefix(segment.size());
  }
  return out;
}

/// A path that fits a route's, with its parameters.
struct matched_path {
  bool fits = false;
  std::string job;
  epoch_id epoch;
};

matched_path match(std::string_view pattern, const std::vector<std::string_view>& path) {
  const auto wanted = segments_of(pattern);
  matched_path made;
  if (wanted.size() != path.size()) return made;
  for (size_t at = 0; at < path.size(); ++at) {
    if (wanted[at] == "{job}") {
      if (path[at].empty()) return made;
      made.job = path[at];
    } else if (wanted[at] == "{epoch}") {
      const char* end = path[at].data() + path[at].size();
      const auto [last, problem] = std::from_chars(path[at].data(), end, made.epoch.value);
      if (problem != std::errc() || last != end || path[at].empty()) return made;
    } else if (wanted[at] != path[at]) {
      return made;
    }
  }
  made.fits = true;
  return made;
}

std::string_view header(const http_request& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? std::string_view() : found->second;
}

/// What a request may do: nothing, or up to a role.
struct access {
  std::optional<api_role> role;
  std::string name;
  std::optional<http_response> refused;
};

std::string_view host_of(std::string_view host_and_port) {
  if (host_and_port.starts_with('[')) return host_and_port.substr(1, host_and_port.find(']') - 1);
  return host_and_port.substr(0, host_and_port.find(':'));
}

/// Without tokens only programs of this machine are meant to reach the server, but a browser of this machine does too,
/// for any page that it shows: what names another host or comes from another origin is such a page's.
access of_this_machine(const http_request& request) {
  access made;
  const std::string_view host = header(request, "host");
  const std::string name(host_of(host));
  const std::string_view origin = header(request, "origin");
  const bool foreign_origin =
      !origin.empty() && origin != "http://" + std::string(host) && origin != "https://" + std::string(host);
  if ((name != "localhost" && !listen_address{name, 0}.is_loopback()) || foreign_origin)
    made.refused = http_error(403, "forbidden",
                              "without tokens only this machine's programs are answered, under its loopback address");
  else made.role = api_role::admin;
  return made;
}

access of_holder(const api_tokens& tokens, const http_request& request) {
  access made;
  std::string_view given = header(request, "authorization");
  const bool bearer = given.size() > 7 && (given.starts_with("Bearer ") || given.starts_with("bearer "));
  const api_tokens::holder* holder = bearer ? tokens.find(given.substr(7)) : nullptr;
  if (holder) {
    made.role = holder->role;
    made.name = holder->name;
  } else {
    made.refused = http_error(401, "unauthorised",
                              bearer ? "the token is not known here" : "send a token: Authorization: Bearer TOKEN");
    made.refused->headers["WWW-Authenticate"] = "Bearer";
  }
  return made;
}

/// Probes and the API's description, which anybody may read.
bool is_open(std::string_view path) {
  return path == "/healthz" || path == "/readyz" || path == "/api/v1/openapi.json";
}

class rest_api {
 public:
  rest_api(cluster_service& cluster, rest_options options) : cluster_(cluster), options_(std::move(options)) {}

  void handle(http_request request, http_answer answer) const {
    for (const std::string* text : {&request.path})
      if (!is_utf8(*text)) return answer(http_error(400, "invalid_argument", "the path is not UTF-8"));
    access who;
    if (!is_open(request.path)) who = options_.tokens ? of_holder(*options_.tokens, request) : of_this_machine(request);
    if (who.refused) return answer(std::move(*who.refused));
    if (request.method == "HEAD") request.method = "GET";  // the server leaves out the body
    if (const auto other = options_.others.find(request.path); other != options_.others.end())
      return other->second(std::move(request), std::move(answer));
    route(std::move(request), who, std::move(answer));
  }

 private:
  void route(http_request request, const access& who, http_answer answer) const {
    const auto path = segments_of(request.path);
    std::string allowed;
    for (const rest_route& each : rest_routes()) {
      matched_path found = match(each.path, path);
      if (!found.fits) continue;
      if (each.method != request.method) {
        allowed += (allowed.empty() ? "" : ", ") + std::string(each.method);
        continue;
      }
      if (who.role && *who.role < each.needed)
        return answer(http_error(403, "forbidden", "this needs a token of role " + std::string(name_of(each.needed))));
      if (!request.body.empty() && !header(request, "content-type").starts_with("application/json"))
        return answer(http_error(415, "unsupported_media_type", "send the body as application/json"));
      if (each.method != "GET") answer = logged(request, who, std::move(answer));
      std::string caller = caller_of(request, who);
      return each.handle({cluster_, std::move(request), std::move(found.job), found.epoch, std::move(answer),
                          who.role.value_or(api_role::viewer), std::move(caller)});
    }
    if (allowed.empty())
      return answer(http_error(404, "not_found", "nothing is at " + request.path + "; see /api/v1/openapi.json"));
    http_response refused =
        http_error(405, "method_not_allowed", request.method + " is not for " + request.path + ": " + allowed + " is");
    refused.headers["Allow"] = allowed;
    answer(std::move(refused));
  }

  static std::string caller_of(const http_request& request, const access& who) {
    return who.name.empty() ? request.peer : who.name + " at " + request.peer;
  }

  /// Who changed what.
  static http_answer logged(const http_request& request, const access& who, http_answer answer) {
    const std::string what = caller_of(request, who) + ": " + request.method + " " + request.path;
    return [what, answer = std::move(answer)](http_response response) {
      log_line(log_level::info, "api", what + ": " + std::to_string(response.status));
      answer(std::move(response));
    };
  }

  cluster_service& cluster_;
  const rest_options options_;
};

}  // namespace

http_handler make_rest_api(cluster_service& cluster, rest_options options) {
  return [api = std::make_shared<rest_api>(cluster, std::move(options))](http_request request, http_answer answer) {
    api->handle(std::move(request), std::move(answer));
  };
}

result<std::unique_ptr<http_server>> serve_rest_api(cluster_service& cluster, const rest_server_options& options,
                                                    file_system& files) {
  rest_options rest;
  rest.others = options.others;
  if (!options.token_file.empty()) {
    SYSTOLE_ASSIGN(rest.tokens, api_tokens::read(files, options.token_file));
  } else if (!options.where.is_loopback()) {
    return fail(
        error_code::invalid_argument,
        "the API at " + options.where.text() +
            " would be open to others: give a file of tokens (systole token makes one), or listen on 127.0.0.1");
  }
  http_server_options server;
  server.address = options.where.address;
  server.port = options.where.port;
  server.certificate = options.certificate;
  server.key = options.key;
  auto started = http_server::start(server, make_rest_api(cluster, std::move(rest)));
  if (started && options.certificate.empty() && !options.where.is_loopback())
    log_line(log_level::warning, "api",
             "tokens travel unencrypted to " + options.where.text() + ": give a certificate and its key");
  return started;
}

}  // namespace systole
