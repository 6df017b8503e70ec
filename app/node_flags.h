#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "actors/wire/node_tls.h"
#include "base/result.h"
#include "control/listen_address.h"

namespace systole {

/// Where a process of a cluster listens for others; refuses an address that other machines reach unless `insecure`.
result<listen_address> node_address(const char* flag, const std::string& text, bool insecure);

/// The flags of TLS between the processes of a cluster, and --insecure, which does without.
void add_node_tls_flags(CLI::App& verb, node_tls& into, bool& insecure);

/// The flag --allow-tap.
void add_tap_flag(CLI::App& verb, bool& into);

/// For processes that do not share a working directory.
result<std::string> absolute_path(const std::string& path);

/// Tells a failure on stderr; the exit code.
int tell(const char* verb, const result<void>& done);

}  // namespace systole
