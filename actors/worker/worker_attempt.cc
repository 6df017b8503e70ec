#include "actors/worker/worker_attempt.h"

#include <algorithm>
#include <utility>

#include "actors/job_recovery.h"
#include "actors/wire/peer_links.h"

namespace systole {
namespace {

/// One for each subtask of the widest stage: see placement.h.
uint32_t slots_of(const deployment& whole, const std::vector<uint32_t>& tasks) {
  std::map<uint32_t, uint32_t> by_stage;
  uint32_t most = 0;
  for (const uint32_t task : tasks)
    if (task < whole.tasks.size()) most = std::max(most, ++by_stage[whole.tasks[task].stage]);
  return most;
}

}  // namespace

result<std::shared_ptr<worker_attempt>> worker_attempt::build(const attempt_recipe& recipe,
                                                              const job_components& components) {
  std::shared_ptr<worker_attempt> made(new worker_attempt(recipe, components));
  SYSTOLE_TRY(made->open(recipe));
  return made;
}

bool worker_attempt::is_current(attempt_stamp stamp) const {
  if (ended_->load()) return false;
  const auto log = store_->read_log();
  const auto history = log ? read_history(*log) : result<checkpoint_history>(log.error());
  // Not knowing is no reason to take anything from anybody.
  return history && history->last_attempt == stamp.attempt.value && history->last_attempt_term == stamp.term;
}

result<void> worker_attempt::open(const attempt_recipe& recipe) {
  const attempt_order& order = recipe.order;
  SYSTOLE_ASSIGN(plan_, storage_.read_plan(order.job, order.parallelism));
  SYSTOLE_ASSIGN(whole_, expand_plan(plan_));
  SYSTOLE_ASSIGN(store_, storage_.open_checkpoints(order.job, plan_.job()));
  SYSTOLE_ASSIGN(auto restored, read_epoch(*store_, order.restore));
  slots_ = slots_of(whole_, order.tasks);
  file_system& files = *components_.files;
  const std::string work = recipe.directory + "/work";
  SYSTOLE_TRY(files.remove_all(work));
  SYSTOLE_TRY(files.create_directories(work));
  process_share share{.directory = recipe.directory,
                      .outbox_directory = storage_.outbox(order.job),
                      .secret_directory = recipe.secret_directory,
                      .memory_bytes = recipe.memory_bytes / std::max(recipe.slots, 1u) * std::max(slots_, 1u),
                      .hosted = order.tasks};
  if (recipe.taps)
    share.make_probe = [taps = recipe.taps, job = order.job, time = components_.time](const std::string& step,
                                                                                      uint32_t subtask, schema columns) {
      return taps->add({job, step}, subtask, std::move(columns), *time);
    };
  world_ = std::make_unique<attempt_world>(plan_, whole_, components_, *store_, crash_, std::move(share),
                                           std::move(restored));
  SYSTOLE_TRY(world_->open_connectors({.term = order.stamp.term,
                                       .attempt = order.stamp.attempt.value,
                                       .still_current = [this, stamp = order.stamp] { return is_current(stamp); }}));
  expect_progress(order);
  world_->on_committed(order.restore);
  counters_.resize(whole_.tasks.size());
  for (const uint32_t index : order.tasks) {
    if (index >= whole_.tasks.size())
      return fail(error_code::internal, "the order names a task that the job's plan does not have");
    const planned_task& planned = whole_.tasks[index];
    counters_[index] = std::make_shared<task_counters>(planned.nodes.size());
    SYSTOLE_ASSIGN(std::unique_ptr<task> built, world_->build(planned, counters_[index]));
    tasks_.push_back({std::move(built), index, may_block(plan_, planned)});
  }
  return {};
}

/// Other workers' readers of a source with maxDrift have not come anywhere until they say so.
void worker_attempt::expect_progress(const attempt_order& order) const {
  for (const proto::Node& node : plan_.nodes()) {
    const auto found = world_->alignments().find(node.step());
    if (!node.has_source() || found == world_->alignments().end()) continue;
    for (const attempt_peer& each : order.peers)
      if (each.incarnation != order.to && std::any_of(each.tasks.begin(), each.tasks.end(), [&](uint32_t task) {
            return task < whole_.tasks.size() && whole_.tasks[task].runs(node.id());
          }))
        found->second->hear(identity_text(each.incarnation), watermark_none);
  }
}

}  // namespace systole
