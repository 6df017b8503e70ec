#include "actors/coordinator/coordinator_node.h"

#include <caf/all.hpp>
#include <utility>

#include "actors/coordinator/coordinator_shell.h"
#include "actors/coordinator/sure_answer.h"
#include "base/log.h"

namespace systole {
namespace {

constexpr std::chrono::milliseconds lock_pause{250};

class running_coordinator final : public coordinator_node {
 public:
  running_coordinator(coordinator_options options, job_components components)
      : core_(std::make_shared<coordinator_core>(std::move(options), std::move(components))) {}
  ~running_coordinator() override { stop(); }

  result<void> start() {
    if (core_->options.storage.empty())
      return fail(error_code::invalid_argument, "a coordinator needs a storage directory, which the workers share");
    cluster_storage storage = core_->storage;
    SYSTOLE_TRY(storage.open());
    // A bucket that refuses us is told at once.
    if (!core_->options.checkpoints.empty()) SYSTOLE_TRY(storage.open_checkpoints(job_id(), ""));
    node_ = spawn_coordinator_shell(core_);
    gate_ = spawn_gate(core_->network.system(), events());
    SYSTOLE_ASSIGN(const uint16_t port,
                   core_->network.publish(gate_, core_->options.address, core_->options.port));
    core_->listens_at = {core_->options.address, port};
    post([gate = gate_](coordinator_shell& shell) { shell.start(gate); });
    core_->network.system().spawn<caf::detached>([this_core = core_, node = node_](caf::event_based_actor*) {
      try_for_lock(*this_core);
      caf::anon_send(node, node_work{[this_core] { this_core->shell->on_elected(); }});
    });
    return {};
  }

  void stop() override {
    {
      const std::lock_guard lock(core_->mutex);
      core_->stopping = true;
      core_->changed.notify_all();
    }
    if (node_) post([](coordinator_shell& shell) { shell.stop({}); });
  }
  result<void> wait() override {
    std::unique_lock lock(core_->mutex);
    core_->changed.wait(lock, [this] { return core_->ended; });
    if (core_->cause) return *core_->cause;
    return {};
  }
  wire_address listens_at() const override { return core_->listens_at; }
  bool leads() const override {
    const std::lock_guard lock(core_->mutex);
    return core_->leads;
  }

  std::vector<job_control_metrics> metrics() const override {
    const std::lock_guard lock(core_->mutex);
    return core_->jobs;
  }
  std::vector<std::shared_ptr<const shown_gauges>> results() const override {
    return core_->components.gauges ? core_->components.gauges->read() : std::vector<std::shared_ptr<const shown_gauges>>();
  }

  void submit(job_submission what, answer<submission_outcome> then) override {
    auto shared = std::make_shared<job_submission>(std::move(what));
    post([shared, then = sure(std::move(then))](coordinator_shell& shell) { shell.submit(std::move(*shared), then); });
  }
  void jobs(answer<std::vector<job_summary>> then) override {
    post([then = std::move(then)](coordinator_shell& shell) { shell.jobs(then); });
  }
  void job(std::string which, answer<job_details> then) override {
    post([which = std::move(which), then = std::move(then)](coordinator_shell& shell) { shell.job(which, then); });
  }
  void request(std::string which, job_request what, answer<epoch_id> then) override {
    post([which = std::move(which), what = std::move(what), then = sure(std::move(then))](coordinator_shell& shell) {
      shell.request(which, what, then);
    });
  }
  void remove(std::string which, answer<bool> then) override {
    post([which = std::move(which), then = sure(std::move(then))](coordinator_shell& shell) { shell.remove(which, then); });
  }
  void remove_savepoint(std::string which, epoch_id epoch, answer<bool> then) override {
    post([which = std::move(which), epoch, then = sure(std::move(then))](coordinator_shell& shell) {
      shell.remove_savepoint(which, epoch, then);
    });
  }
  void compare(std::string which, job_submission what, answer<job_difference> then) override {
    auto shared = std::make_shared<job_submission>(std::move(what));
    post([which = std::move(which), shared, then = sure(std::move(then))](coordinator_shell& shell) {
      shell.compare(which, std::move(*shared), then);
    });
  }
  void figures(std::string which, answer<job_figures> then) override {
    post([which = std::move(which), then = std::move(then)](coordinator_shell& shell) { shell.figures(which, then); });
  }
  void logs(log_query what, answer<std::vector<process_line>> then) override {
    post([what = std::move(what), then = std::move(then)](coordinator_shell& shell) { shell.logs(what, then); });
  }
  void dead_letter(std::string which, dead_letter_query what, answer<dead_letter_page> then) override {
    post([which = std::move(which), what = std::move(what), then = sure(std::move(then))](coordinator_shell& shell) {
      shell.dead_letter(which, what, then);
    });
  }
  void tap(std::string which, tap_request what, answer<tap_opening> then) override {
    post([which = std::move(which), what = std::move(what), then = std::move(then)](coordinator_shell& shell) {
      shell.tap(which, what, then);
    });
  }
  void workers(answer<std::vector<worker_summary>> then) override {
    post([then = std::move(then)](coordinator_shell& shell) { shell.workers(then); });
  }
  void cluster(answer<cluster_summary> then) override {
    post([then = std::move(then)](coordinator_shell& shell) { shell.cluster(then); });
  }

 private:
  template <class T>
  static answer<T> sure(answer<T> then) {
    return sure_answer<T>(std::move(then), fail(error_code::unavailable, "this coordinator lost its lead before it could answer: what was "
                                                                         "asked for may be done or not; ask the one that leads"));
  }
  void post(std::function<void(coordinator_shell&)> what) {
    caf::anon_send(node_, node_work{[core = core_, what = std::move(what)] { what(*core->shell); }});
  }

  /// Blocks until the lock is this process's, or the process ends.
  static void try_for_lock(coordinator_core& core) {
    bool told = false;
    std::unique_lock guard(core.mutex);
    while (!core.stopping) {
      guard.unlock();
      auto lock = core.components.files->lock(core.storage.lock_path());
      guard.lock();
      if (lock) {
        core.lock = std::move(*lock);
        return;
      }
      if (!std::exchange(told, true))
        log_line(log_level::info, "coordinator", "stands by: " + lock.error().message);
      core.changed.wait_for(guard, lock_pause, [&core] { return core.stopping; });
    }
  }

  gate_events events() {
    const auto post = [core = core_, node = node_](std::function<void(coordinator_shell&)> what) {
      caf::anon_send(node, node_work{[core, what = std::move(what)] { what(*core->shell); }});
    };
    return {.control =
                [post](const caf::strong_actor_ptr&, std::string bytes) {
                  post([bytes = std::move(bytes)](coordinator_shell& shell) { shell.on_control(bytes); });
                },
            .hello =
                [post](std::string identity, wire_actor gate) {
                  post([identity = std::move(identity), gate = std::move(gate)](coordinator_shell& shell) {
                    shell.on_hello(identity, gate);
                  });
                },
            .broken = [](job_id, attempt_stamp, failure) {}};  // no frames come here
  }

  std::shared_ptr<coordinator_core> core_;
  node_actor node_;
  gate_actor gate_;
};

}  // namespace

result<std::unique_ptr<coordinator_node>> coordinator_node::start(coordinator_options options,
                                                                  job_components components) {
  SYSTOLE_TRY(check_node_tls(options.tls));
  auto made = std::make_unique<running_coordinator>(std::move(options), std::move(components));
  SYSTOLE_TRY(made->start());
  return std::unique_ptr<coordinator_node>(std::move(made));
}

}  // namespace systole
