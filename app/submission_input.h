#pragma once

#include <string>

#include "app/cluster_client.h"
#include "app/manifest_input.h"

namespace systole {

/// Flags of the verbs that send manifests to a cluster.
struct submission_flags : manifest_flags, cluster_flags {
  std::string directory;
  bool drop_state = false;
};
void add_submission_flags(CLI::App& verb, submission_flags& into);

/// A request's body with the manifests and what the flags say of them, and more members.
result<json_value> submission_body(const submission_flags& flags, json_value::object more);

}  // namespace systole
