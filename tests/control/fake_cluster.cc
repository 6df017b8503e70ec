#include "fake_cluster.h"

#include "actors/cluster_storage.h"
#include "data/type.h"

namespace systole::testing {
namespace {

constexpr timestamp_us some_time_us = 1'767'225'600'000'000;  // 2026-01-01

bool has_ended(const std::string& state) {
  return state == "finished" || state == "stopped" || state == "cancelled" || state == "failed";
}

std::string name_in(const std::string& text) {
  const size_t at = text.find("name: ");
  if (at == text.npos) return "unnamed";
  return text.substr(at + 6, text.find_first_of("\n,}", at) - at - 6);
}

}  // namespace

std::shared_ptr<const proto::PhysicalPlan> small_plan(const std::string& job) {
  auto plan = std::make_shared<proto::PhysicalPlan>();
  plan->set_job(job);
  plan->set_max_parallelism(128);
  for (uint32_t id = 1; id <= 2; ++id) {
    proto::Node* node = plan->add_nodes();
    node->set_id(id);
    node->set_stage(id);
    proto::Field* field = node->mutable_output()->add_fields();
    field->set_name("department");
    field->mutable_type()->set_id(static_cast<uint32_t>(type_id::text));
    field->set_not_null(true);
    proto::Stage* stage = plan->add_stages();
    stage->set_id(id);
    stage->set_parallelism(id);
    stage->add_nodes(id);
  }
  proto::Node* source = plan->mutable_nodes(0);
  source->set_step("adt");
  source->mutable_source();
  proto::Node* count = plan->mutable_nodes(1);
  count->set_step("occupancy");
  count->mutable_aggregate();
  count->set_output_changelog(true);
  proto::Edge* edge = count->add_inputs();
  edge->set_from(1);
  edge->set_exchange(proto::Edge::HASH);
  edge->add_keys()->set_sql("department");
  return plan;
}

std::optional<failure> fake_cluster::refusal() {
  if (next_failure_) return std::exchange(next_failure_, std::nullopt);
  if (!leads_)
    return fail(error_code::unavailable, "this coordinator does not lead now: ask another one, or again in a moment");
  return std::nullopt;
}

fake_cluster::kept_job* fake_cluster::find(const std::string& which) {
  kept_job* latest = nullptr;
  for (auto& [id, job] : jobs_)
    if (job.name == which || job_id_text(job.id) == which) latest = &job;
  return latest;
}

epoch_id fake_cluster::add_checkpoint(kept_job& job, bool savepoint) {
  checkpoint_summary made;
  made.epoch = epoch_id(next_epoch_++);
  made.savepoint = savepoint;
  made.completed_at_us = some_time_us + 1'000'000;
  made.duration_us = 125'000;
  made.bytes = 4096;
  made.step_bytes["occupancy"] = 4000;
  job.checkpoints.push_back(made);
  job.last_completed = job.last_committed = made.epoch;
  job.last_completed_at_us = made.completed_at_us;
  return made.epoch;
}

void fake_cluster::submit(job_submission what, answer<submission_outcome> then) {
  std::unique_lock held(mutex_);
  if (auto why = refusal()) return then(*why);
  last_ = what;
  submission_outcome outcome;
  for (const auto& file : what.files) {
    if (file.text.find("broken") == file.text.npos) continue;
    outcome.problems.push_back(file.name + ":1:1: error[SYS0101]: it is broken");
    outcome.refused = true;
  }
  if (outcome.refused) return then(std::move(outcome));
  outcome.name = name_in(what.files.front().text);
  if (!what.from_savepoint.empty()) {
    if (!find(what.from_savepoint.substr(0, what.from_savepoint.find(':'))))
      return then(fail(error_code::not_found, "there is no job " + what.from_savepoint));
    outcome.changes = "occupancy: state is kept";
  }
  if (const kept_job* same = find(outcome.name); same && !has_ended(same->state))
    return then(fail(error_code::already_exists, "job " + outcome.name + " is there already"));
  if (what.dry_run) return then(std::move(outcome));
  kept_job job;
  job.id = job_id(next_id_++);
  job.name = outcome.name;
  job.state = "running";
  job.parallelism = what.parallelism > 0 ? what.parallelism : 1;
  job.attempt = 1;
  job.submitted_at_us = some_time_us;
  job.plan = small_plan(job.name);
  job.end_as = ends_[job.name];
  job.tasks.push_back({0, 1, 0, {"adt"}, "worker-1", "running"});
  job.failures.push_back({1, some_time_us, epoch_id(0), fail(error_code::unavailable, "worker worker-2 was lost")});
  add_checkpoint(job, false);
  outcome.job = job.id;
  jobs_.emplace(job.id.value, std::move(job));
  held.unlock();
  then(std::move(outcome));
}

void fake_cluster::jobs(answer<std::vector<job_summary>> then) {
  const std::lock_guard held(mutex_);
  if (auto why = refusal()) return then(*why);
  std::vector<job_summary> made;
  for (const auto& [id, job] : jobs_) made.push_back(job);
  then(std::move(made));
}

void fake_cluster::job(std::string which, answer<job_details> then) {
  const std::lock_guard held(mutex_);
  if (auto why = refusal()) return then(*why);
  kept_job* found = find(which);
  if (!found) return then(fail(error_code::not_found, "there is no job " + which));
  if (++found->asked >= 2 && !found->end_as.empty()) {
    found->state = found->end_as;
    if (found->state == "failed") found->reason = "poison: the same failure three times";
  }
  then(job_details(*found));
}

void fake_cluster::request(std::string which, job_request what, answer<epoch_id> then) {
  using kind = job_request::kind;
  const std::lock_guard held(mutex_);
  if (auto why = refusal()) return then(*why);
  kept_job* found = find(which);
  if (!found) return then(fail(error_code::not_found, "there is no job " + which));
  if (const auto known = found->answered.find(what.id); known != found->answered.end()) return then(known->second);
  const bool over = has_ended(found->state);
  if (over != (what.what == kind::resume))
    return then(fail(error_code::incompatible, "job " + found->name + " is " + found->state));
  epoch_id epoch;
  switch (what.what) {
    case kind::stop:
      epoch = add_checkpoint(*found, true);
      found->state = "stopped";
      break;
    case kind::drain: found->state = "finished"; break;
    case kind::cancel: found->state = "cancelled"; break;
    case kind::savepoint: epoch = add_checkpoint(*found, true); break;
    case kind::rescale: found->parallelism = what.parallelism; break;
    case kind::resume: found->state = "running"; break;
  }
  found->answered[what.id] = epoch;
  then(epoch);
}

void fake_cluster::remove(std::string which, answer<bool> then) {
  const std::lock_guard held(mutex_);
  if (auto why = refusal()) return then(*why);
  kept_job* found = find(which);
  if (!found) return then(fail(error_code::not_found, "there is no job " + which));
  if (!has_ended(found->state))
    return then(fail(error_code::incompatible, "job " + found->name + " has not ended: stop or cancel it first"));
  jobs_.erase(found->id.value);
  then(true);
}

void fake_cluster::compare(std::string which, job_submission what, answer<job_difference> then) {
  const std::lock_guard held(mutex_);
  if (auto why = refusal()) return then(*why);
  const kept_job* job = find(which);
  if (!job) return then(fail(error_code::not_found, "there is no job " + which));
  job_difference made;
  for (const auto& file : what.files) {
    if (file.text.find("broken") == file.text.npos) continue;
    made.problems.push_back(file.name + ":1:1: error[SYS0101]: it is broken");
    made.refused = true;
  }
  made.steps = {{"adt", step_difference::kind::same}, {"occupancy", step_difference::kind::changed}};
  if (job->checkpoints.empty()) return then(std::move(made));
  made.epoch = job->checkpoints.back().epoch;
  made.state.kept = {"adt"};
  made.state.dropped = {{"old", "2 state tables"}};
  made.state.incompatible = {{"occupancy", "table counts was bigint, is numeric"}};
  if (!what.allow_drop_state) made.refusal = "the saved state does not fit the manifest";
  then(std::move(made));
}

void fake_cluster::remove_savepoint(std::string which, epoch_id epoch, answer<bool> then) {
  const std::lock_guard held(mutex_);
  if (auto why = refusal()) return then(*why);
  kept_job* found = find(which);
  if (!found) return then(fail(error_code::not_found, "there is no job " + which));
  then(std::erase_if(found->checkpoints, [&](const auto& each) { return each.savepoint && each.epoch == epoch; }) > 0);
}

void fake_cluster::figures(std::string which, answer<job_figures> then) {
  const std::lock_guard held(mutex_);
  if (auto why = refusal()) return then(*why);
  const kept_job* job = find(which);
  if (!job) return then(fail(error_code::not_found, "there is no job " + which));
  job_figures made{job->name, job->state, some_time_us, 1, {}};
  step_activity& adt = made.steps.emplace_back();
  adt.so_far.step = "adt";
  adt.so_far.in = 1000;
  adt.so_far.out = 990;
  adt.so_far.rejected = 10;
  adt.so_far.busy = std::chrono::milliseconds(250);
  adt.so_far.watermark = some_time_us;
  adt.so_far.state_bytes = 3 << 20;
  adt.so_far.lag_records = 7;
  adt.now = {.in = 1234.4, .out = 1200, .busy = 0.25, .backpressured = 0.5};
  made.steps.emplace_back().so_far.step = "occupancy";
  then(std::move(made));
}

void fake_cluster::logs(log_query what, answer<std::vector<process_line>> then) {
  const std::lock_guard held(mutex_);
  if (auto why = refusal()) return then(*why);
  std::vector<process_line> made;
  for (const char* process : {"coordinator", "worker-1", "worker-2"})
    if (what.process.empty() || what.process == process)
      made.push_back({process, {1, some_time_us, log_level::warning, std::string(process) + ": job beds has news"}});
  made.insert(made.end(), logged_.begin(), logged_.end());
  if (made.size() > what.most) made.erase(made.begin(), made.end() - what.most);
  then(std::move(made));
}

void fake_cluster::dead_letter(std::string which, dead_letter_query what, answer<dead_letter_page> then) {
  const std::lock_guard held(mutex_);
  if (auto why = refusal()) return then(*why);
  const kept_job* job = find(which);
  if (!job) return then(fail(error_code::not_found, "there is no job " + which));
  if (job->name == "ends") return then(fail(error_code::incompatible, "job ends has no dead letter"));
  std::vector<dead_letter_entry> all(4);
  for (size_t i = 0; i < all.size(); ++i) {
    all[i].id = "part-00000001-0000.ndjson:" + std::to_string(100 * i);
    all[i].step = i == 0 ? "adt" : "valid";
    all[i].rule = i == 0 ? "decode" : "bad_event_type";
    all[i].source = all[i].topic = "adt";
    all[i].partition = 1;
    all[i].offset = static_cast<int64_t>(10 * i);
    all[i].reason = "no PV1-3 location on A99";
    all[i].event_time = "2026-01-01T00:00:00Z";
    all[i].raw = "{\"visit\":\"v" + std::to_string(i) + "\"}";
  }
  all[0].raw = "\xff{";
  all[0].sqlstate = "22P02";
  all[2].offset = all[1].offset;  // of the same record
  all[2].raw = all[1].raw;
  all[3].raw.reset();
  dead_letter_page page;
  page.sink = "rejected";
  for (dead_letter_entry& each : all) {
    const bool behind = what.after.empty() || std::stoi(each.id.substr(26)) > std::atoi(what.after.c_str() + std::min<size_t>(26, what.after.size()));
    if (!behind || (!what.step.empty() && what.step != each.step) || (!what.rule.empty() && what.rule != each.rule)) continue;
    if (page.entries.size() == what.most) {
      page.next = page.entries.back().id;
      break;
    }
    page.entries.push_back(std::move(each));
  }
  then(std::move(page));
}

void fake_cluster::tap(std::string which, tap_request what, answer<tap_opening> then) {
  const std::lock_guard held(mutex_);
  if (auto why = refusal()) return then(*why);
  const kept_job* job = find(which);
  if (!job) return then(fail(error_code::not_found, "there is no job " + which));
  if (job->name == "ends") return then(fail(error_code::incompatible, "taps are off: --allow-tap"));
  if (what.step != "adt" && what.step != "occupancy")
    return then(fail(error_code::not_found, "job " + job->name + " has no step " + what.step));
  then(tap_opening{job->name, what.step, [rows = what.rows](const std::shared_ptr<tap_listener>& listener) {
                     const uint32_t shown = std::min(rows, 2u);
                     for (uint32_t i = 0; i < shown; ++i)
                       listener->row(R"({"kind":")" + std::string(i == 0 ? "+I" : "-U") +
                                     R"(","subtask":0,"eventTime":null,"row":{"department":"ICU","beds":)" +
                                     std::to_string(i) + "}}");
                     listener->sampled(7, shown);
                     if (rows < 3) listener->ended(tap_end::rows, "all rows that were asked for");
                     else listener->ended(tap_end::job_ended, "the job is finished");
                   }});
}

void fake_cluster::log(std::string text) {
  const std::lock_guard held(mutex_);
  logged_.push_back({"coordinator", {2 + logged_.size(), some_time_us, log_level::info, std::move(text)}});
}

void fake_cluster::workers(answer<std::vector<worker_summary>> then) {
  const std::lock_guard held(mutex_);
  if (auto why = refusal()) return then(*why);
  then(std::vector<worker_summary>{{"worker-1", "10.0.0.1:9000", "rack-1", "a1b2", 4, 2, false}});
}

void fake_cluster::cluster(answer<cluster_summary> then) {
  const std::lock_guard held(mutex_);
  if (next_failure_) return then(*std::exchange(next_failure_, std::nullopt));
  then(cluster_summary{leads_, 7, leader_, 1, 4, 2, static_cast<uint32_t>(jobs_.size())});
}

void fake_cluster::follow(std::string leader) {
  const std::lock_guard held(mutex_);
  leads_ = false;
  leader_ = std::move(leader);
}

job_submission fake_cluster::last_submission() const {
  const std::lock_guard held(mutex_);
  return last_;
}

void fake_cluster::fail_next(failure why) {
  const std::lock_guard held(mutex_);
  next_failure_ = std::move(why);
}

void fake_cluster::end_as(const std::string& name, const std::string& state) {
  const std::lock_guard held(mutex_);
  ends_[name] = state;
}

}  // namespace systole::testing
