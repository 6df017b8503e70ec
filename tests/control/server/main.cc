// Serves the API over a cluster that only remembers, for tests of the API and of the command that are other processes.
//   fake_coordinator [--tokens FILE] [--address ADDRESS] [--certificate FILE --key FILE] [--follows URL]
// Prints its URL; ends when its standard input does. Jobs named `fails` fail, those named `ends` finish.
#include <unistd.h>

#include <cstdio>
#include <string>

#include "control/rest_api.h"
#include "tests/control/fake_cluster.h"

int main(int argc, char** argv) {
  systole::testing::fake_cluster cluster;
  cluster.end_as("fails", "failed");
  cluster.end_as("ends", "finished");
  systole::rest_server_options options;
  for (int at = 1; at + 1 < argc; at += 2) {
    const std::string flag = argv[at], value = argv[at + 1];
    if (flag == "--tokens") options.token_file = value;
    if (flag == "--address") options.where.address = value;
    if (flag == "--certificate") options.certificate = value;
    if (flag == "--key") options.key = value;
    if (flag == "--follows") cluster.follow(value);
  }
  const auto server = systole::serve_rest_api(cluster, options, systole::posix_file_system());
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().message.c_str());
    return 1;
  }
  std::printf("%s://127.0.0.1:%u\n", options.certificate.empty() ? "http" : "https", (*server)->port());
  std::fflush(stdout);
  char ignored[256];
  while (::read(STDIN_FILENO, ignored, sizeof ignored) > 0) {}
}
