#include "actors/worker/worker_node.h"

#include <caf/all.hpp>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "actors/worker/worker_shell.h"
#include "base/log.h"

namespace systole {
namespace {

class running_worker final : public worker_node {
 public:
  running_worker(worker_options options, job_components components)
      : core_(std::make_shared<worker_core>(std::move(options), std::move(components))) {}

  ~running_worker() override {
    if (node_) caf::anon_send(node_, node_work{[core = core_] { core->shell->stop({}); }});
  }

  result<void> start() {
    file_system& files = *core_->components.files;
    const worker_options& with = core_->options;
    if (with.directory.empty()) return fail(error_code::invalid_argument, "a worker needs a directory of its own");
    SYSTOLE_TRY(files.create_directories(with.directory));
    SYSTOLE_ASSIGN(lock_, files.lock(with.directory + "/lock"));
    SYSTOLE_TRY(files.remove_all(with.directory + "/jobs"));
    node_ = spawn_worker_shell(core_);
    gate_ = spawn_gate(core_->network.system(), events());
    SYSTOLE_ASSIGN(const uint16_t port, core_->network.publish(gate_, with.address, with.port));
    core_->listens_at = {with.advertised.empty() ? with.address : with.advertised, port};
    caf::anon_send(node_, node_work{[core = core_, gate = gate_] { core->shell->start(gate); }});
    return {};
  }

  void leave() override {
    caf::anon_send(node_, node_work{[core = core_] { core->shell->leave(); }});
  }
  result<void> wait() override {
    std::unique_lock lock(core_->mutex);
    core_->changed.wait(lock, [this] { return core_->ended; });
    if (core_->cause) return *core_->cause;
    return {};
  }
  const worker_options& options() const override { return core_->options; }
  wire_address listens_at() const override { return core_->listens_at; }
  std::vector<job_metrics> jobs() const override {
    std::vector<std::shared_ptr<job_meter>> meters;
    {
      const std::lock_guard lock(core_->mutex);
      for (const auto& [job, each] : core_->meters) meters.push_back(each);
    }
    std::vector<job_metrics> made;
    for (const std::shared_ptr<job_meter>& each : meters) made.push_back(each->read());
    return made;
  }
  worker_metrics metrics() const override {
    const std::lock_guard lock(core_->mutex);
    return {core_->options.slots, core_->slots_used, resident_memory_bytes(), core_->options.memory_bytes};
  }
  std::vector<std::shared_ptr<const shown_gauges>> results() const override {
    return core_->components.gauges ? core_->components.gauges->read() : std::vector<std::shared_ptr<const shown_gauges>>();
  }

 private:
  gate_events events() {
    const auto post = [core = core_, node = node_](std::function<void(worker_shell&)> what) {
      caf::anon_send(node, node_work{[core, what = std::move(what)] { what(*core->shell); }});
    };
    return {.control =
                [post](const caf::strong_actor_ptr& from, std::string bytes) {
                  post([from, bytes = std::move(bytes)](worker_shell& shell) { shell.on_control(from, bytes); });
                },
            .hello =
                [post](std::string identity, wire_actor gate) {
                  post([identity = std::move(identity), gate = std::move(gate)](worker_shell& shell) {
                    shell.on_hello(identity, gate);
                  });
                },
            .broken =
                [post](job_id job, attempt_stamp stamp, failure cause) {
                  post([job, stamp, cause = std::move(cause)](worker_shell& shell) {
                    shell.on_broken(job, stamp, cause);
                  });
                }};
  }

  std::shared_ptr<worker_core> core_;
  std::unique_ptr<file_lock> lock_;
  node_actor node_;
  gate_actor gate_;
};

}  // namespace

result<std::unique_ptr<worker_node>> worker_node::start(worker_options options, job_components components) {
  SYSTOLE_TRY(check_node_tls(options.tls));
  auto made = std::make_unique<running_worker>(std::move(options), std::move(components));
  SYSTOLE_TRY(made->start());
  return std::unique_ptr<worker_node>(std::move(made));
}

}  // namespace systole
