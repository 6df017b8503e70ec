#include "actors/task_actor.h"

#include <caf/all.hpp>

#include "actors/quiet_actor.h"

namespace systole {
namespace {

/// The shell: mailbox in, task events; task environment out, messages.
struct task_shell final : task_environment {
  task_actor::pointer self = nullptr;
  task_actor_parts parts;
  std::shared_ptr<const task_wiring> wiring;
  uint64_t turn = 0;       ///< of the wake-up that counts
  bool scheduled = false;  ///< a go_on without delay is in the mailbox
  bool failed = false;

  void send(uint32_t to_task, frame_ptr what) override { self->send(wiring->tasks[to_task], std::move(what)); }
  void grant(uint32_t to_task, uint32_t channel, uint64_t bytes) override {
    self->send(wiring->tasks[to_task], credit_grant{channel, bytes});
  }
  void snapshot_taken(std::shared_ptr<snapshot_work> work) override {
    self->send(parts.writer, durable_work{std::move(work)});
  }
  void want_epoch() override { self->send(parts.job, epoch_wanted{parts.index}); }
  void pressure(bool on) override { self->send(parts.job, task_pressure{parts.index, on}); }
  void sources_ended() override { self->send(parts.job, task_sources_ended{parts.index}); }
  void finished() override { self->send(parts.job, task_finished{parts.index}); }
  std::function<void()> waker() override {
    // No strong reference: the task owns the reader that holds this.
    return [address = self->address()] {
      if (const auto task = caf::actor_cast<caf::strong_actor_ptr>(address))
        caf::anon_send(caf::actor_cast<task_actor>(task), source_news{});
    };
  }

  void fail_with(failure cause) {
    if (failed) return;
    failed = true;  // does nothing any more; the job ends it
    self->send(parts.job, task_failed{parts.index, std::move(cause)});
  }

  /// After an event: works as soon as the mailbox allows.
  void wake() {
    if (scheduled || failed || !wiring) return;
    scheduled = true;
    self->send(self, go_on{++turn});
  }

  void check(result<void> done) {
    if (!done) fail_with(std::move(done).error());
    else wake();
  }

  void step(uint64_t for_turn) {
    if (for_turn != turn || failed) return;  // a wake-up that something overtook
    scheduled = false;
    result<task::turn> next = parts.work->step();
    if (!next) return fail_with(std::move(next).error());
    if (next->again) return wake();
    if (next->wait == task::turn::forever) return;
    self->delayed_send(self, next->wait, go_on{++turn});
  }
};

task_actor::behavior_type behave_as_task(task_actor::stateful_pointer<std::unique_ptr<task_shell>> self,
                                 std::shared_ptr<task_actor_parts> parts) {
  self->state = std::make_unique<task_shell>();
  task_shell* shell = self->state.get();
  shell->self = self;
  shell->parts = std::move(*parts);
  make_quiet(self, [shell](failure cause) { shell->fail_with(std::move(cause)); });
  return {
      [shell](const std::shared_ptr<const task_wiring>& wiring) {
        shell->wiring = wiring;
        shell->check(shell->parts.work->start(*shell));
      },
      [shell](frame_ptr& what) {
        if (!shell->failed) shell->check(shell->parts.work->on_frame(std::move(what)));
      },
      [shell](const credit_grant& grant) {
        if (shell->failed) return;
        shell->parts.work->on_credit(grant.channel, grant.bytes);
        shell->wake();
      },
      [shell](const trigger_epoch& trigger) {
        if (shell->failed) return;
        shell->parts.work->on_trigger(trigger.what);
        shell->wake();
      },
      [shell](const abort_epoch& abort) {
        if (shell->failed) return;
        shell->parts.work->on_abort(abort.epoch);
        shell->wake();
      },
      [shell](const commit_sinks& commit) {
        if (shell->failed) return;
        shell->self->send(shell->parts.writer,
                          commit_work{shell->parts.index, commit.epoch, shell->parts.work->committing_sinks()});
      },
      [shell](const epoch_committed& committed) {
        if (shell->failed) return;
        shell->parts.work->on_committed(committed.epoch);
        shell->wake();
      },
      [shell](const pause_sources& pause) {
        if (shell->failed) return;
        shell->parts.work->on_pause(pause.paused);
        shell->wake();
      },
      [shell](source_news) {
        if (shell->failed) return;
        shell->parts.work->on_source_news();
        shell->wake();
      },
      [shell](drain_input) {
        if (!shell->failed) shell->check(shell->parts.work->on_drain());
      },
      [shell](others_ended) {
        if (!shell->failed) shell->check(shell->parts.work->on_others_ended());
      },
      [shell](const go_on& next) { shell->step(next.turn); },
      [self](end_actor) { self->quit(); },
  };
}

}  // namespace

task_actor spawn_task(caf::actor_system& system, task_actor_parts parts, bool detached) {
  auto shared = std::make_shared<task_actor_parts>(std::move(parts));
  return detached ? system.spawn<caf::detached>(behave_as_task, std::move(shared)) : system.spawn(behave_as_task, std::move(shared));
}

}  // namespace systole
