#include <cstdio>

#include "actors/coordinator/coordinator_node.h"
#include "app/checkpoint_place.h"
#include "app/commands.h"
#include "app/exit_code.h"
#include "app/node_config.h"
#include "app/node_flags.h"
#include "app/signals.h"
#include "app/test_flags.h"
#include "base/log.h"
#include "control/metrics_endpoint.h"
#include "control/rest_api.h"

namespace systole {
namespace {

struct coordinator_flags {
  std::string listen = "127.0.0.1:8481";
  std::string api = "127.0.0.1:8480";
  std::string storage;
  std::string secrets;
  checkpoint_place checkpoints;
  std::string token_file;
  std::string certificate;
  std::string key;
  test_flags test;
  node_tls tls;
  bool insecure = false;
  bool allow_tap = false;
};

result<void> run_coordinator(const coordinator_flags& flags) {
  set_log_level(log_level::info);
  SYSTOLE_ASSIGN(const listen_address where, node_address("--listen", flags.listen, flags.insecure || flags.tls.on()));
  SYSTOLE_ASSIGN(const listen_address api, parse_listen_address(flags.api));
  coordinator_options options;
  options.address = where.address;
  options.port = where.port;
  SYSTOLE_ASSIGN(options.storage, absolute_path(flags.storage));
  options.secret_directory = flags.secrets;
  options.tls = flags.tls;
  options.api = (flags.certificate.empty() ? "http://" : "https://") + api.text();
  options.allow_tap = flags.allow_tap;
  options.crash_at = flags.test.crash_at;
  options.checkpoints = flags.checkpoints.url;
  job_components components = components_for(flags.test);
  let_buckets_be_opened(components, flags.secrets, options.storage + "/scratch/s3-cache");
  SYSTOLE_ASSIGN(const auto node, coordinator_node::start(std::move(options), std::move(components)));
  SYSTOLE_ASSIGN(const auto server, serve_rest_api(*node,
                                                   {.where = api,
                                                    .token_file = flags.token_file,
                                                    .certificate = flags.certificate,
                                                    .key = flags.key,
                                                    .others = {{"/metrics", metrics_handler(
                                                        [&node] {
                                                          return process_metrics{.version = SYSTOLE_VERSION,
                                                                                 .tasks = {},
                                                                                 .jobs = node->metrics(),
                                                                                 .worker = {},
                                                                                 .results = node->results()};
                                                        },
                                                        system_clock())}}},
                                                   posix_file_system()));
  std::fprintf(stderr, "coordinator: workers connect to %s, users to http://%s, storage %s\n",
               node->listens_at().text().c_str(), listen_address{api.address, server->port()}.text().c_str(),
               flags.storage.c_str());
  stop_signals signals([&node] {
    std::fputs("coordinator: ends; jobs go on, and wait for the next one\n", stderr);
    node->stop();
  });
  return node->wait();
}

}  // namespace

void add_coordinator_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("coordinator", "Run a cluster's coordinator");
  auto flags = std::make_shared<coordinator_flags>();
  verb->add_option("--storage", flags->storage,
                   "Directory that all coordinators and workers of the cluster share: jobs, checkpoints, outboxes")
      ->required();
  add_checkpoints_flag(*verb, flags->checkpoints);
  verb->add_option("--listen", flags->listen, "Where workers connect: ADDRESS:PORT")->capture_default_str();
  verb->add_option("--api", flags->api, "Where users and the command connect: ADDRESS:PORT")->capture_default_str();
  verb->add_option("--secrets", flags->secrets, "Directory of the connections' secrets: DIR/NAME/KEY for each secretRef");
  verb->add_option("--token-file", flags->token_file, "Who may use the API: lines ROLE SHA256 NAME (see systole token)");
  verb->add_option("--api-cert", flags->certificate, "PEM file: the API speaks TLS");
  verb->add_option("--api-key", flags->key, "PEM file of the API certificate's key");
  add_node_tls_flags(*verb, flags->tls, flags->insecure);
  add_tap_flag(*verb, flags->allow_tap);
  add_config_flag(*verb);
  add_test_flags(*verb, flags->test);
  verb->footer(
      "A second coordinator on the same storage stands by and takes over when the first one dies.\n\n"
      "Examples:\n"
      "  systole coordinator --storage /srv/systole\n"
      "  systole coordinator --storage /srv/systole --api 0.0.0.0:8480 --token-file tokens\n"
      "  systole coordinator --config /etc/systole/coordinator.yaml");
  verb->callback([&chosen, flags] {
    chosen = [flags] { return tell("coordinator", run_coordinator(*flags)); };
  });
}

}  // namespace systole
