#include <cstdio>

#include "app/commands.h"
#include "app/exit_code.h"
#include "app/node_flags.h"
#include "app/test_authority.h"

namespace systole {
namespace {

struct certificates_flags {
  std::string directory;
  std::vector<std::string> hosts;
  uint32_t days = 365;
};

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> made;
  for (size_t at = 0; at <= text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    made.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return made;
}

result<void> make_certificates(const certificates_flags& flags) {
  SYSTOLE_ASSIGN(const test_authority authority, test_authority::open(flags.directory, flags.days));
  if (authority.is_new()) std::printf("%s/ca.pem\n", flags.directory.c_str());
  for (const std::string& each : flags.hosts) {
    const std::vector<std::string> hosts = split(each);
    SYSTOLE_TRY(authority.issue(hosts.front(), hosts, flags.days));
    std::printf("%s/%s.pem\n", flags.directory.c_str(), hosts.front().c_str());
  }
  std::fprintf(
      stderr,
      "Each process gets its own .pem and .key, and ca.pem. Keep ca.key elsewhere: who has it can join the cluster.\n");
  return {};
}

}  // namespace

void add_certificates_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb =
      root.add_subcommand("certificates", "Make a certificate authority and certificates for a cluster's processes");
  auto flags = std::make_shared<certificates_flags>();
  verb->add_option("DIR", flags->directory, "Where they are written; the authority that is there already is used")
      ->required();
  verb->add_option("--host", flags->hosts,
                   "A process's host, name or address, which its files are named by; others of its own after commas")
      ->required()
      ->allow_extra_args(false);
  verb->add_option("--days", flags->days, "How long they are valid")
      ->check(CLI::Range(1u, 3650u))
      ->capture_default_str();
  verb->footer(
      "For trying out, and for clusters without an authority of their own.\n\n"
      "Examples:\n"
      "  systole certificates tls --host coordinator-1,10.0.0.11 --host worker-1,10.0.0.21\n"
      "  systole worker --state state --tls-cert tls/worker-1.pem --tls-key tls/worker-1.key --tls-ca tls/ca.pem");
  verb->callback([&chosen, flags] { chosen = [flags] { return tell("certificates", make_certificates(*flags)); }; });
}

}  // namespace systole
