#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/exit_code.h"
#include "formats/json_value.h"

namespace systole {

/// The flags of every verb that asks a cluster.
struct cluster_flags {
  std::vector<std::string> servers;
  std::string token_file;
  std::string certificate_authority;
  std::string output = "table";
};
/// Adds --server, --token-file, --ca.
void add_cluster_flags(CLI::App& verb, cluster_flags& into);

/// What the cluster said.
struct cluster_answer {
  unsigned status = 0;  ///< 0: nothing was heard
  json_value body;
  std::string message;            ///< of an error, for the user; may have lines
  exit_code code = exit_success;  ///< that an error means
  bool ok() const { return status >= 200 && status < 300; }
};

/// Asks the coordinators of one cluster through their API: the one that leads, wherever in the list it is.
class cluster_client {
 public:
  /// Fails where the token file cannot be read.
  static result<cluster_client> open(const cluster_flags& flags);

  /// A request that changes something has an id in its body, as it may reach a coordinator twice.
  cluster_answer ask(const std::string& method, const std::string& path, const json_value* body = nullptr);
  /// Reads server-sent events until the server ends them or `on_event` says false: then the answer has no body. What broke
  /// off in the middle is not begun anew elsewhere.
  cluster_answer follow(const std::string& path,
                        const std::function<bool(std::string_view name, std::string_view data)>& on_event);
  /// How long each answer may take.
  void set_patience(std::chrono::milliseconds patience) { patience_ = patience; }

 private:
  /// Asks one server after the other until one leads.
  cluster_answer ask_each(const std::function<cluster_answer(const std::string& server)>& ask_one) const;

  std::vector<std::string> servers_;
  std::string token_;
  std::string certificate_authority_;
  std::chrono::milliseconds patience_{30'000};
};

/// Opens and asks; tells an error on stderr as `systole VERB: ...`. An answer that is not ok has the exit code.
cluster_answer ask_or_tell(const char* verb, const cluster_flags& flags, const std::string& method,
                           const std::string& path, const json_value* body = nullptr,
                           std::chrono::milliseconds patience = std::chrono::seconds(30));
void tell(const char* verb, const cluster_answer& answer);

/// The API's path of a job, or of something of it: "/stop".
std::string job_path(const std::string& job, const std::string& of_it = {});
/// A body with an id that no other request has, and these members.
json_value request_body(json_value::object members = {});

}  // namespace systole
