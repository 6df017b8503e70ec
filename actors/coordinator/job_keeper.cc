#include "actors/coordinator/job_keeper.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "actors/attempt.h"
#include "base/log.h"
#include "coordination/placement.h"
#include "coordination/restored_nodes.h"

namespace systole {
namespace {

constexpr int append_tries = 5;
constexpr std::chrono::milliseconds append_pause{200};

job_control::settings settings_of(const proto::PhysicalPlan& plan, job_id job) {
  job_control::settings made;
  made.job = job;
  made.restarts.restarts = plan.restart().strategy() != "none";
  if (plan.restart().initial_delay_us() > 0) made.restarts.initial_delay_us = plan.restart().initial_delay_us();
  if (plan.restart().max_delay_us() > 0) made.restarts.most_delay_us = plan.restart().max_delay_us();
  made.checkpoint_interval_us = plan.checkpoint().interval_us();
  if (plan.checkpoint().timeout_us() > 0) made.checkpoint_timeout_us = plan.checkpoint().timeout_us();
  return made;
}

barrier_kind kind_of(const proto::CheckpointMetadata& metadata) {
  if (metadata.is_final()) return barrier_kind::final;
  return metadata.stops() ? barrier_kind::stop : barrier_kind::checkpoint;
}

}  // namespace

job_keeper::job_keeper(proto::JobDefinition definition, settings with, const job_components& components)
    : definition_(std::move(definition)),
      with_(std::move(with)),
      components_(components),
      storage_(with_.storage, with_.checkpoints, components_),
      crash_(with_.crash_at) {}

result<job_keeper::opened> job_keeper::open(term_id term) {
  term_ = term;
  const job_id id(definition_.id());
  SYSTOLE_ASSIGN(store_, storage_.open_checkpoints(id, definition_.name()));
  // A run elsewhere may have left a higher term than the cluster's: the next claim of the cluster is above it.
  SYSTOLE_ASSIGN(const auto before, store_->read_log());
  for (const proto::LogRecord& each : before)
    if (each.term() > term.value)
      return fail(error_code::fenced, "job " + definition_.name() + " has term " + std::to_string(each.term()));
  proto::LogRecord claim;
  claim.mutable_led();
  SYSTOLE_TRY(append(std::move(claim)));
  SYSTOLE_ASSIGN(recovered_job recovered, recover_job(*store_, definition_.name()));
  const checkpoint_history& history = recovered.history;
  last_ = recovered.restored;
  attempt_ = history.last_attempt;
  highest_ = history.highest;
  most_shards_ = history.most_shards;
  records_ = history.records;
  SYSTOLE_TRY(plan_at(history.attempts > 0 ? history.last_parallelism : history.parallelism));
  opened made{settings_of(*plan_, id), shape(), {history, {}, barrier_kind::checkpoint}, plan_, {}};
  if (last_) {
    made.from.previous = epoch_id(last_->previous());
    made.from.last_kind = kind_of(*last_);
  }
  for (const auto& each : history.completed) {
    const auto metadata = store_->read_metadata(each.metadata);
    if (!metadata) continue;  // its restoration will name the damage
    made.checkpoints.push_back(summary_of(*metadata));
    made.checkpoints.back().savepoint = each.savepoint;
  }
  return made;
}

result<void> job_keeper::append(proto::LogRecord record) {
  record.set_term(term_.value);
  record.set_nonce(make_uuid());
  if (record.has_started()) {
    attempt_ = record.started().attempt();
    for (const proto::Node& node : plan_->nodes()) {
      if (!node.has_sink()) continue;
      const auto shards = static_cast<uint32_t>(
          std::count_if(whole_.tasks.begin(), whole_.tasks.end(), [&](const auto& each) { return each.runs(node.id()); }));
      proto::LogRecord::SinkShards& told = *record.mutable_started()->add_sinks();
      told.set_step(node.step());
      told.set_shards(shards);
      uint32_t& most = most_shards_[node.step()];
      most = std::max(most, shards);
    }
  }
  for (int tries = 1;; ++tries) {
    auto done = store_->append(record);
    if (done) {
      ++records_;
      return done;
    }
    // The nonce makes a repeated append harmless. A thread of its own waits here.
    if (done.error().code == error_code::fenced || tries == append_tries) return done;
    log_line(log_level::warning, "coordinator", done.error().message);
    std::this_thread::sleep_for(append_pause);
  }
}

result<void> job_keeper::keep_cause(const attempt_failure& failed) {
  proto::LogRecord record;
  *record.mutable_failed() = to_log(failed);
  SYSTOLE_TRY(append(std::move(record)));
  return fold_if_long();  // a job that fails again and again commits nothing
}

result<void> job_keeper::plan_at(uint32_t parallelism) {
  compile_result compiled = compile_job(definition_, parallelism);
  if (!compiled.ok())
    return fail(error_code::invalid_argument, "job " + definition_.name() + " cannot be planned at parallelism " +
                                                  std::to_string(parallelism) + ": " +
                                                  (compiled.problems.empty() ? "" : compiled.problems.front().message));
  auto plan = std::make_shared<const proto::PhysicalPlan>(std::move(*compiled.plan));
  SYSTOLE_ASSIGN(deployment whole, expand_plan(*plan));
  SYSTOLE_TRY(storage_.put_plan(job_id(definition_.id()), parallelism, *plan));
  sinks_.clear();
  world_.reset();
  plan_ = std::move(plan);
  whole_ = std::move(whole);
  parallelism_ = parallelism;
  return {};
}

job_control::shape job_keeper::shape() const {
  job_control::shape made;
  made.tasks = tasks_to_place(whole_);
  for (const proto::Node& node : plan_->nodes()) {
    if (!node.has_sink()) continue;
    job_control::sink sink;
    sink.shards_commit = node.sink().kind() == proto::Sink::KAFKA && !node.sink().at_least_once();
    for (const planned_task& each : whole_.tasks)
      if (each.runs(node.id())) sink.tasks.push_back(each.index);
    made.sinks.push_back(std::move(sink));
  }
  return made;
}

result<job_control::shape> job_keeper::make_shape(uint32_t parallelism) {
  SYSTOLE_TRY(plan_at(parallelism));
  return shape();
}

/// `running`: the attempt goes on, under this coordinator now.
result<void> job_keeper::open_sinks(bool running) {
  sinks_.clear();
  world_ = std::make_unique<attempt_world>(
      *plan_, whole_, components_, *store_, crash_,
      process_share{.directory = storage_.directory(),
                    .outbox_directory = storage_.outbox(job_id(definition_.id())),
                    .secret_directory = with_.secret_directory},
      last_);
  const auto current = [this, attempt = attempt_] {
    const auto log = store_->read_log();
    const auto history = log ? read_history(*log) : result<checkpoint_history>(log.error());
    const bool still = history && history->last_attempt == attempt && history->term == term_;
    if (still) crash_.reach("asked");
    return still;
  };
  SYSTOLE_TRY(world_->open_connectors({.term = term_, .attempt = attempt_, .sinks_only = true, .still_current = current}));
  SYSTOLE_ASSIGN(sinks_, world_->make_committers(most_shards_));
  if (!running) return {};
  for (job_sink& each : sinks_) SYSTOLE_TRY(each.committer->adopt(epoch_id(last_ ? last_->epoch() : 0)));
  return {};
}

std::optional<failure> job_keeper::recover_sinks(epoch_id last) {
  if (epoch_id(last_ ? last_->epoch() : 0) != last)
    return fail(error_code::internal, "the coordinator lost track of the last checkpoint");
  to_verify_ = last_ != nullptr;
  auto recovered = recover_job(*store_, definition_.name());
  if (!recovered) return recovered.error();
  auto ready = open_sinks(false);
  if (ready) ready = systole::recover_sinks(*plan_, sinks_, last_.get(), last.value < highest_);
  if (!ready) return ready.error();
  return std::nullopt;
}

std::optional<failure> job_keeper::verify_bases() {
  if (!std::exchange(to_verify_, false) || !last_) return std::nullopt;
  for (const proto::FileReference& file : base_files(*last_))
    if (auto whole = store_->verify(file); !whole) {
      auto log = store_->read_log();
      auto history = log ? read_history(*log) : result<checkpoint_history>(log.error());
      return history ? explain_damage(*store_, *history, std::move(whole).error()) : std::move(whole).error();
    }
  return std::nullopt;
}

result<job_keeper::stored> job_keeper::store(const job_control::store& what) {
  stored outcome;
  if (outcome.cause = verify_bases(); outcome.cause) return outcome;
  auto made = std::make_shared<proto::CheckpointMetadata>();
  made->set_epoch(what.cut.epoch.value);
  made->set_previous(what.previous.value);
  made->set_uuid(checkpoint_uuid(job_id(definition_.id()), what.cut.epoch));
  made->set_job(definition_.name());
  made->set_max_parallelism(plan_->max_parallelism());
  for (const auto& each : what.facts) *made->add_tasks() = *each;
  made->set_is_final(what.cut.kind == barrier_kind::final);
  made->set_stops(what.cut.kind == barrier_kind::stop);
  made->set_savepoint(what.savepoint);
  made->set_drained(what.drained);
  made->set_completed_at_us(components_.time->now_us());
  made->set_term(term_.value);
  auto file = store_->put_metadata(*made);
  if (!file) {
    outcome.cause = std::move(file).error();
    return outcome;
  }
  crash_.reach("metadata");
  proto::LogRecord record;
  record.mutable_completed()->set_epoch(what.cut.epoch.value);
  *record.mutable_completed()->mutable_metadata() = *file;
  record.mutable_completed()->set_savepoint(what.savepoint);
  SYSTOLE_TRY(append(std::move(record)));
  crash_.reach("completed");
  outcome.summary = summary_of(*made);
  last_ = std::move(made);
  highest_ = std::max(highest_, last_->epoch());
  return outcome;
}

std::optional<failure> job_keeper::commit(uint32_t sink, epoch_id epoch, epoch_id previous) {
  if (!last_ || last_->epoch() != epoch.value)
    return fail(error_code::internal, "the coordinator was to commit an epoch that is not the last complete one");
  if (sinks_.empty())
    if (auto ready = open_sinks(true); !ready) return ready.error();
  const uint32_t node = sinks_.at(sink).node;
  std::vector<shard_commit> shards;
  // By step: an attempt that was taken over before its first epoch commits one that was cut under another plan, whose nodes
  // have other numbers.
  for (const restored_node& each : restored_nodes(*last_, *find_node(*plan_, node)))
    shards.push_back({each.subtask, each.node->committable()});
  crash_.reach("before_commit");
  const commit_epoch what{.epoch = epoch,
                          .previous = previous,
                          .uuid = last_->uuid(),
                          .is_final = last_->is_final(),
                          .stops = last_->stops()};
  auto done = sinks_[sink].committer->commit(what, shards);
  if (done) {
    crash_.reach("mid_commit");
    return std::nullopt;
  }
  failure cause = std::move(done).error();
  cause.message = "sink " + sinks_[sink].step + ": " + cause.message;
  return cause;
}

result<void> job_keeper::collect() {
  crash_.reach("after_commit");
  SYSTOLE_TRY(fold_if_long());
  if (auto collected = store_->collect_garbage(retained()); !collected)
    log_line(log_level::warning, "coordinator", collected.error().message);  // after a later epoch, then
  return {};
}

result<void> job_keeper::fold_if_long() {
  if (records_ <= records_before_fold) return {};
  SYSTOLE_ASSIGN(const std::vector<proto::LogRecord> log, store_->read_log());
  SYSTOLE_ASSIGN(const checkpoint_history history, read_history(log));
  records_ = history.records;
  if (records_ <= records_before_fold) return {};
  SYSTOLE_TRY(append(folded(history, term_, retained())));
  records_ = 1;
  return {};
}

result<void> job_keeper::remove_savepoint(epoch_id epoch) {
  SYSTOLE_ASSIGN(const std::vector<proto::LogRecord> log, store_->read_log());
  SYSTOLE_ASSIGN(checkpoint_history history, read_history(log));
  const auto found = std::find_if(history.completed.begin(), history.completed.end(),
                                  [epoch](const auto& each) { return each.epoch == epoch && each.savepoint; });
  if (found == history.completed.end())
    return fail(error_code::not_found, "there is no savepoint " + std::to_string(epoch.value));
  // A folded log in which it is a checkpoint like any other: it goes when it is old enough.
  found->savepoint = false;
  SYSTOLE_TRY(append(folded(history, term_, retained())));
  records_ = 1;
  return {};
}

checkpoint_summary job_keeper::summary_of(const proto::CheckpointMetadata& metadata) const {
  checkpoint_summary made;
  made.epoch = epoch_id(metadata.epoch());
  made.savepoint = metadata.savepoint();
  made.completed_at_us = metadata.completed_at_us();
  for (const proto::TaskSnapshot& task : metadata.tasks()) {
    uint64_t bytes = 0;
    for (const auto* files : {&task.keyed_state().base(), &task.keyed_state().deltas()})
      for (const proto::FileReference& file : *files) bytes += file.bytes();
    made.bytes += bytes;
    for (const proto::NodeSnapshot& node : task.nodes())
      if (node.tables_size() > 0) made.step_bytes[node.step()] += bytes;
  }
  return made;
}

}  // namespace systole
