// Frames between two processes over loopback: a sender with an exchange's credit, a receiver that consumes as fast as it can
// or slowly. Not a test: prints a JSON line with MB/s of row bytes, and one with each process's largest RSS.
//   link_throughput [--frame-kib 64] [--seconds 3] [--channels 4] [--receiver-mb-per-second 0]
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <future>
#include <thread>

#include "actors/exchange.h"
#include "base/heap.h"
#include "base/limits.h"
#include "tests/actors/loopback_process.h"

namespace systole::testing {
namespace {

constexpr job_id job(1);
constexpr attempt_stamp stamp{term_id(1), attempt_id(1)};

struct options {
  size_t frame_kib = 64;
  double seconds = 3;
  uint32_t channels = 4;
  double receiver_mb_per_second = 0;  ///< 0: as fast as it can
};

long peak_kib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

gate_events quiet_events(std::function<void(wire_actor)> hello) {
  return {.control = [](const caf::strong_actor_ptr&, std::string) {},
          .hello = [hello](std::string, wire_actor gate) { hello(std::move(gate)); },
          .broken =
              [](job_id, attempt_stamp, failure cause) {
                std::fprintf(stderr, "%s\n", cause.message.c_str());
                _exit(1);
              }};
}

batch rows_of(size_t bytes) {
  const size_t rows = bytes / 40;
  column_builder ids({type_id::int64}, rows), names({type_id::text}, rows);
  for (size_t i = 0; i < rows; ++i) {
    ids.append<int64_t>(static_cast<int64_t>(i));
    names.append_text_copy("department");
  }
  return batch(rows, {ids.finish(), names.finish()});
}

/// The receiver's port, then that it is ready, through a pipe.
void tell(int fd, uint16_t port) {
  if (write(fd, &port, sizeof port) != sizeof port) _exit(2);
}
uint16_t hear(int fd) {
  uint16_t port = 0;
  if (read(fd, &port, sizeof port) != sizeof port) _exit(2);
  return port;
}

int receive(const options& with, int to) {
  std::promise<wire_actor> hello;
  loopback_process self(job, stamp, quiet_events([&hello](wire_actor peer) { hello.set_value(std::move(peer)); }));
  tell(to, self.port);
  self.answer(hello.get_future().get());
  std::atomic<uint64_t> got{0};
  std::promise<void> ended;
  uint32_t open = with.channels;
  std::vector<credit_receiver> credit(with.channels,
                                      credit_receiver(limits::channel_credit_bytes, limits::channel_credit_grant_bytes));
  const task_actor task = self.system.spawn<caf::detached>([&](task_actor::pointer me) {
    return only_exchange(
        me,
        [&](const frame_ptr& what) {
          if (what->what == frame::kind::end) {
            if (--open == 0) ended.set_value();
            return;
          }
          got += what->bytes;
          if (with.receiver_mb_per_second > 0)  // a slow receiver is what is measured
            std::this_thread::sleep_for(
                std::chrono::microseconds(static_cast<int64_t>(what->bytes / with.receiver_mb_per_second)));
          credit[what->channel].on_received(what->bytes);
          if (const uint64_t grant = credit[what->channel].on_consumed(what->bytes))
            caf::anon_send(self.remote, credit_grant{what->channel, grant});
        },
        [](const credit_grant&) {});
  });
  frame_route route{.job = job, .stamp = stamp, .receivers = {}, .senders = {}};
  route.receivers.assign(with.channels, task);
  route.senders.assign(with.channels, task_actor());
  caf::anon_send(self.gate, open_route{std::make_shared<const frame_route>(std::move(route))});
  tell(to, 1);
  const auto began = std::chrono::steady_clock::now();
  ended.get_future().wait();
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::printf("{\"frame_kib\": %zu, \"channels\": %u, \"receiver_limit_mb_s\": %.0f, \"mb_s\": %.0f, \"receiver_rss_mib\": %ld}\n",
              with.frame_kib, with.channels, with.receiver_mb_per_second, static_cast<double>(got) / 1e6 / took,
              peak_kib() / 1024);
  std::fflush(stdout);
  _exit(0);
}

int send(const options& with, int from) {
  loopback_process self(job, stamp, quiet_events([](const wire_actor&) {}));
  self.connect_to(hear(from));
  (void)hear(from);
  const batch rows = rows_of(with.frame_kib * limits::kibibyte);
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(with.seconds);
  std::vector<std::unique_ptr<exchange_output>> outputs;
  task_actor task;
  const auto pump = [&] {
    for (auto& each : outputs) {
      while (!each->full() && std::chrono::steady_clock::now() < until) (void)each->write(rows);
    }
  };
  task = self.system.spawn<caf::detached>([&](task_actor::pointer me) {
    for (uint32_t i = 0; i < with.channels; ++i) {
      outputs.push_back(std::make_unique<exchange_output>(std::vector<uint32_t>{i}, make_broadcaster(1),
                                                          limits::channel_credit_bytes));
      outputs.back()->connect([&](frame_ptr what) { caf::anon_send(self.remote, std::move(what)); });
    }
    me->delayed_send(me, std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::duration<double>(with.seconds)),
                     end_actor{});
    me->send(me, credit_grant{0, 0});
    task_actor::behavior_type made = only_exchange(
        me, [](const frame_ptr&) {},
        [&](const credit_grant& grant) {
          if (grant.bytes > 0) outputs[grant.channel]->on_credit(grant.channel, grant.bytes);
          pump();
        });
    return made;
  });
  frame_route route{.job = job, .stamp = stamp, .receivers = {}, .senders = {}};
  route.receivers.assign(with.channels, task_actor());
  route.senders.assign(with.channels, task);
  caf::anon_send(self.gate, open_route{std::make_shared<const frame_route>(std::move(route))});
  // The task ends itself; then the channels' ends follow what they still hold.
  std::this_thread::sleep_until(until + std::chrono::milliseconds(500));
  for (auto& each : outputs) (void)each->end();
  int status = 0;
  wait(&status);
  std::printf("{\"sender_rss_mib\": %ld}\n", peak_kib() / 1024);
  std::fflush(stdout);
  _exit(WEXITSTATUS(status));
}

}  // namespace

int measure(int argc, char** argv) {
  CLI::App app{"Frames between two processes over loopback"};
  options with;
  app.add_option("--frame-kib", with.frame_kib);
  app.add_option("--seconds", with.seconds);
  app.add_option("--channels", with.channels);
  app.add_option("--receiver-mb-per-second", with.receiver_mb_per_second);
  CLI11_PARSE(app, argc, argv);
  int up[2];
  if (pipe(up) != 0) return 2;
  if (fork() == 0) return receive(with, up[1]);
  return send(with, up[0]);
}

}  // namespace systole::testing

int main(int argc, char** argv) {
  systole::keep_freed_blocks();
  return systole::testing::measure(argc, argv);
}
