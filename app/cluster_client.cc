#include "app/cluster_client.h"

#include <sys/random.h>

#include <cstdio>
#include <cstdlib>

#include "app/command_output.h"
#include "base/file_system.h"
#include "base/limits.h"
#include "http/client.h"
#include "http/target.h"

namespace systole {
namespace {

constexpr const char* default_server = "http://127.0.0.1:8480";

/// Of an answer that is no success: what to say, and how the command ends.
void explain_error(const std::string& server, cluster_answer& answer) {
  const json_value* error = answer.body.find("error");
  std::string message = error ? member_text(*error, "message") : std::string();
  if (message.empty()) message = "the server answered " + std::to_string(answer.status);
  if (error)
    for (const json_value& each : member_list(*error, "problems"))
      if (each.text()) message += "\n" + *each.text();
  const std::string leader = error ? member_text(*error, "leader") : std::string();
  answer.code = exit_negative;
  if (answer.status == 401 || answer.status == 403) {
    answer.code = exit_unreachable;
    message = server + ": " + message;
    if (answer.status == 401) message += " (give a token with --token-file or SYSTOLE_TOKEN_FILE)";
  } else if (answer.status == 503 || answer.status == 408) {
    answer.code = exit_unreachable;
    message = server + ": " + message;
    if (!leader.empty()) message += "; " + leader + " leads";
  }
  answer.message = message;
}

/// What a server said, as the user is told it.
cluster_answer read_answer(const std::string& server, const result<http_response>& got) {
  cluster_answer made;
  if (!got) {
    made.code = parse_url(server) ? exit_unreachable : exit_usage;
    made.message = got.error().message;
    return made;
  }
  made.status = got->status;
  if (!got->body.empty()) {
    auto read = json_value::parse(got->body);
    if (!read) {
      made.status = 0;
      made.code = exit_unreachable;
      made.message = server + ": this is no coordinator of Systole: its answer is not JSON";
      return made;
    }
    made.body = std::move(read).value();
  }
  if (!made.ok()) explain_error(server, made);
  return made;
}

/// No status of HTTP's: a stream that broke off in the middle.
constexpr unsigned broken_off = 1;

}  // namespace

void add_cluster_flags(CLI::App& verb, cluster_flags& into) {
  verb.add_option("--server", into.servers,
                  "URL of a coordinator, or of several with commas (SYSTOLE_SERVER; else http://127.0.0.1:8480)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->envname("SYSTOLE_SERVER");
  verb.add_option("--token-file", into.token_file,
                  "File with the token that this server knows you by (SYSTOLE_TOKEN_FILE)")
      ->envname("SYSTOLE_TOKEN_FILE");
  verb.add_option("--ca", into.certificate_authority,
                  "PEM file of the authority that signed the server's certificate (SYSTOLE_CA; else the system's)")
      ->envname("SYSTOLE_CA");
}

result<cluster_client> cluster_client::open(const cluster_flags& flags) {
  cluster_client made;
  made.servers_ = flags.servers;
  if (made.servers_.empty()) made.servers_ = {default_server};
  made.certificate_authority_ = flags.certificate_authority;
  if (!flags.token_file.empty()) {
    SYSTOLE_ASSIGN(made.token_, posix_file_system().read_all(flags.token_file, limits::secret_bytes));
    made.token_.erase(made.token_.find_last_not_of(" \t\r\n") + 1);
    if (made.token_.empty() || made.token_.find_first_of(" \t\r\n") != std::string::npos)
      return fail(error_code::invalid_argument, flags.token_file + ": a token file holds one token and nothing else");
  }
  return made;
}

cluster_answer cluster_client::ask_each(const std::function<cluster_answer(const std::string& server)>& ask_one) const {
  cluster_answer last;
  for (const std::string& server : servers_) {
    cluster_answer answer = ask_one(server);
    const bool another_may = answer.status == 0 || answer.status == 503;
    // Where none leads, one that could say so is heard before one that is silent.
    if (!another_may || last.status == 0) last = std::move(answer);
    if (!another_may) break;
  }
  return last;
}

cluster_answer cluster_client::ask(const std::string& method, const std::string& path, const json_value* body) {
  json_text text;
  if (body) body->write(text);
  const std::string sent = body ? text.take() : std::string();
  return ask_each([&](const std::string& server) {
    return read_answer(server, http_call({server, certificate_authority_, token_, patience_}, method, path, sent));
  });
}

cluster_answer cluster_client::follow(
    const std::string& path, const std::function<bool(std::string_view name, std::string_view data)>& on_event) {
  return ask_each([&](const std::string& server) {
    bool begun = false;
    const auto heard = [&](std::string_view name, std::string_view data) {
      begun = true;
      return on_event(name, data);
    };
    cluster_answer made = read_answer(server, http_events({server, certificate_authority_, token_, patience_}, path, heard));
    if (begun && !made.ok()) made.status = broken_off;
    return made;
  });
}

void tell(const char* verb, const cluster_answer& answer) {
  std::fprintf(stderr, "systole %s: %s\n", verb, answer.message.c_str());
}

cluster_answer ask_or_tell(const char* verb, const cluster_flags& flags, const std::string& method,
                           const std::string& path, const json_value* body, std::chrono::milliseconds patience) {
  cluster_answer answer;
  auto client = cluster_client::open(flags);
  if (client) {
    client->set_patience(patience);
    answer = client->ask(method, path, body);
  } else {
    answer.code = exit_usage;
    answer.message = client.error().message;
  }
  if (!answer.ok()) tell(verb, answer);
  return answer;
}

std::string job_path(const std::string& job, const std::string& of_it) {
  return "/api/v1/jobs/" + percent_encoded(job) + of_it;
}

json_value request_body(json_value::object members) {
  unsigned char random[16] = {};
  if (::getrandom(random, sizeof random, 0) == sizeof random) {
    std::string id;
    for (const unsigned char byte : random) {
      char digits[3];
      std::snprintf(digits, sizeof digits, "%02x", byte);
      id += digits;
    }
    members.emplace_back("request", json_value(id));
  }  // else the server makes one, which is not as good where an answer is lost
  return json_value(std::move(members));
}

}  // namespace systole
