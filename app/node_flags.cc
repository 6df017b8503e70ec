#include "app/node_flags.h"

#include <cstdio>
#include <filesystem>

#include "app/exit_code.h"

namespace systole {

result<listen_address> node_address(const char* flag, const std::string& text, bool insecure) {
  auto at = parse_listen_address(text);
  if (!at) return fail(error_code::invalid_argument, std::string(flag) + ": " + at.error().message);
  if (!at->is_loopback() && !insecure)
    return fail(error_code::invalid_argument, std::string(flag) + " " + at->text() +
                                                  " can be reached from other machines, and what runs there is neither "
                                                  "authenticated nor encrypted: give --insecure to allow it");
  return at;
}

void add_node_tls_flags(CLI::App& verb, node_tls& into, bool& insecure) {
  verb.add_option(
      "--tls-cert", into.certificate,
      "PEM file: TLS with the cluster's other processes, who must show a certificate, too (see systole certificates)");
  verb.add_option("--tls-key", into.key, "PEM file of the certificate's key");
  verb.add_option("--tls-ca", into.authority, "PEM file of the authority that signed the certificates of all of them");
  verb.add_flag("--insecure", insecure,
                "Allow addresses that others reach where nothing is authenticated or encrypted");
}

void add_tap_flag(CLI::App& verb, bool& into) {
  verb.add_flag("--allow-tap", into,
                "Let operators look at rows of running steps, which are patients' data (systole tap); on coordinators and workers");
}

result<std::string> absolute_path(const std::string& path) {
  std::error_code problem;
  const std::filesystem::path made = std::filesystem::absolute(path, problem);
  if (problem) return fail(error_code::io, "cannot make " + path + " an absolute path: " + problem.message());
  return made.lexically_normal().string();
}

int tell(const char* verb, const result<void>& done) {
  if (done) return exit_success;
  std::fprintf(stderr, "systole %s: %s\n", verb, done.error().message.c_str());
  return done.error().code == error_code::invalid_argument ? exit_usage : exit_negative;
}

}  // namespace systole
