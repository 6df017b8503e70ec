#include <unistd.h>

#include <cstdio>
#include <thread>

#include "actors/worker/worker_node.h"
#include "app/byte_size.h"
#include "app/checkpoint_place.h"
#include "app/commands.h"
#include "app/exit_code.h"
#include "app/node_config.h"
#include "app/node_flags.h"
#include "app/signals.h"
#include "app/test_flags.h"
#include "base/log.h"
#include "control/metrics_endpoint.h"

namespace systole {
namespace {

constexpr const char* worker_memory = "512MiB";

struct worker_flags {
  std::vector<std::string> coordinators{"127.0.0.1:8481"};
  std::string listen = "127.0.0.1:0";
  std::string advertise;
  std::string name;
  std::string node;
  std::string state;
  std::string storage;
  std::string secrets;
  std::string memory = worker_memory;
  std::string metrics;
  test_flags test;
  uint32_t slots = 0;
  uint32_t drain_seconds = 60;
  node_tls tls;
  bool insecure = false;
  bool allow_tap = false;
};

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "worker";
}

result<void> run_worker(const worker_flags& flags) {
  set_log_level(log_level::info);
  SYSTOLE_ASSIGN(const listen_address where, node_address("--listen", flags.listen, flags.insecure || flags.tls.on()));
  const auto memory = parse_byte_size(flags.memory);
  if (!memory)
    return fail(error_code::invalid_argument, "--memory " + flags.memory + ": write a size as 512MiB or 2GiB");
  worker_options options;
  for (const std::string& each : flags.coordinators) {
    SYSTOLE_ASSIGN(wire_address address, parse_wire_address(each));
    options.coordinators.push_back(std::move(address));
  }
  options.name = flags.name.empty() ? host_name() : flags.name;
  options.node = flags.node.empty() ? host_name() : flags.node;
  options.address = where.address;
  options.port = where.port;
  options.advertised = flags.advertise;
  options.slots = flags.slots > 0 ? flags.slots : std::max(std::thread::hardware_concurrency(), 1u);
  options.memory_bytes = *memory;
  SYSTOLE_ASSIGN(options.directory, absolute_path(flags.state));
  if (!flags.storage.empty()) {
    SYSTOLE_ASSIGN(options.storage, absolute_path(flags.storage));
  }
  options.secret_directory = flags.secrets;
  options.tls = flags.tls;
  options.leave_patience = std::chrono::seconds(flags.drain_seconds);
  options.allow_tap = flags.allow_tap;
  options.crash_at = flags.test.crash_at;
  job_components components = components_for(flags.test);
  let_buckets_be_opened(components, flags.secrets, options.directory + "/jobs/s3-cache");
  SYSTOLE_ASSIGN(const auto node, worker_node::start(std::move(options), std::move(components)));
  std::unique_ptr<http_server> metrics;
  if (!flags.metrics.empty()) {
    SYSTOLE_ASSIGN(const listen_address at, node_address("--metrics", flags.metrics, flags.insecure));
    SYSTOLE_ASSIGN(metrics, serve_metrics(
                                at,
                                [&node] {
                                  return process_metrics{.version = SYSTOLE_VERSION,
                                                         .tasks = node->jobs(),
                                                         .jobs = {},
                                                         .worker = node->metrics(),
                                                         .results = node->results()};
                                },
                                system_clock()));
  }
  std::fprintf(stderr, "worker %s: %u slots, other workers connect to %s\n", node->options().name.c_str(),
               node->options().slots, node->listens_at().text().c_str());
  stop_signals signals([&node] {
    std::fputs("worker: hands its tasks over (once more to end at once)\n", stderr);
    node->leave();
  });
  return node->wait();
}

}  // namespace

void add_worker_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("worker", "Run a cluster's worker");
  auto flags = std::make_shared<worker_flags>();
  verb->add_option("--coordinator", flags->coordinators, "HOST:PORT of a coordinator; once for each that may lead")
      ->capture_default_str();
  verb->add_option("--state", flags->state, "Directory of its own for working state; what is in it may be lost")->required();
  verb->add_option("--name", flags->name, "Its name in the cluster, which stays over restarts; the host's otherwise");
  verb->add_option("--node", flags->node, "What tasks are spread over: host, rack; the host's name otherwise");
  verb->add_option("--slots", flags->slots, "Parallel subtasks it takes; one per core otherwise")
      ->check(CLI::Range(1u, 1024u));
  verb->add_option("--memory", flags->memory, "Memory limit of all state and buffers")->capture_default_str();
  verb->add_option("--listen", flags->listen, "Where other workers connect: ADDRESS:PORT; port 0 takes a free one")
      ->capture_default_str();
  verb->add_option("--advertise", flags->advertise, "Host by which other workers reach it, where that is not the address");
  verb->add_option("--storage", flags->storage, "Where the cluster's storage is mounted here, if not where the coordinator has it");
  verb->add_option("--secrets", flags->secrets, "Directory of the connections' secrets: DIR/NAME/KEY for each secretRef");
  verb->add_option("--metrics", flags->metrics, "Serve /metrics for Prometheus: [ADDRESS:]PORT");
  verb->add_option("--drain-seconds", flags->drain_seconds, "On SIGTERM: how long to wait until others have its tasks")
      ->capture_default_str();
  add_node_tls_flags(*verb, flags->tls, flags->insecure);
  add_tap_flag(*verb, flags->allow_tap);
  add_config_flag(*verb);
  add_test_flags(*verb, flags->test);
  verb->footer(
      "Examples:\n"
      "  systole worker --state /var/lib/systole/worker\n"
      "  systole worker --state state/w2 --name w2 --slots 4 --memory 4GiB --coordinator c1:8481 --coordinator c2:8481\n"
      "  systole worker --config /etc/systole/worker.yaml");
  verb->callback([&chosen, flags] {
    chosen = [flags] { return tell("worker", run_worker(*flags)); };
  });
}

}  // namespace systole
