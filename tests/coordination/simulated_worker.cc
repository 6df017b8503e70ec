#include "tests/coordination/simulated_worker.h"

#include "tests/coordination/simulated_cluster.h"

namespace systole::testing {
namespace {

constexpr uint64_t channel_budget = 6;  ///< frames under way in a channel
constexpr int64_t read_interval_us = 40'000;

}  // namespace

void simulated_worker::later(int64_t least_us, int64_t most_us, std::function<void()> what) {
  cluster_.world.at(process_, cluster_.world.random.between(least_us, most_us),
                    [this, life = tasks_life_, what = std::move(what)] {
                      if (tasks_ && life == tasks_life_) what();
                    });
}

void simulated_worker::start(incarnation_id incarnation) {
  tasks_.reset();
  ++tasks_life_;
  worker_control::settings with;
  with.incarnation = incarnation;
  with.name = "worker-" + std::to_string(process_);
  with.node = "node-" + std::to_string(process_ % 2);
  with.slots = 1;
  control_ = std::make_unique<worker_control>(with);
  tick(++turn_);
}

void simulated_worker::tick(uint64_t turn) {
  if (turn != turn_) return;
  perform(control_->on_time(cluster_.world.now_us));
  const int64_t wait = std::max<int64_t>(control_->next_wakeup_us() - cluster_.world.now_us, 1'000);
  cluster_.world.at(process_, wait, [this, turn] { tick(turn); });
}

void simulated_worker::on_message(const coordinator_message& what) {
  if (cluster_.guards.term) return perform(control_->on_message(what, cluster_.world.now_us));
  coordinator_message blind = what;
  std::visit([this](auto& each) { each.term = std::max(each.term, control_->term()); }, blind);
  perform(control_->on_message(blind, cluster_.world.now_us));
}

void simulated_worker::perform(const worker_control::actions& what) {
  for (const worker_control::action& each : what) {
    if (const auto* message = std::get_if<worker_control::send>(&each)) {
      worker_message sent = message->what;
      if (auto* report = std::get_if<worker_report>(&sent); report && !cluster_.guards.term) report->term = term_id();
      cluster_.to_coordinators(process_, sent);
    } else if (const auto* order = std::get_if<worker_control::prepare>(&each)) {
      prepare(order->order);
    } else if (const auto* run = std::get_if<worker_control::run>(&each)) {
      if (!tasks_ || tasks_->order.stamp != run->stamp) continue;
      tasks_->running = true;
      for (auto& [task, source] : tasks_->sources) later(0, read_interval_us, [this, id = task] { read(id); });
    } else if (const auto* end = std::get_if<worker_control::end>(&each)) {
      // Tasks let go after a while; they work on until then.
      cluster_.world.at(process_, cluster_.world.random.between(0, 100'000), [this, done = *end] {
        if (tasks_ && tasks_->order.stamp == done.stamp) {
          tasks_.reset();
          ++tasks_life_;
        }
        perform(control_->on_ended(done.job, done.stamp, cluster_.world.now_us));
      });
    } else if (std::get_if<worker_control::drain>(&each)) {
      if (tasks_)
        for (auto& [task, source] : tasks_->sources) end_source(task);
    } else if (const auto* trigger = std::get_if<worker_control::trigger>(&each)) {
      if (tasks_) cut_sources(trigger->cut);
    } else if (const auto* close = std::get_if<worker_control::close>(&each)) {
      if (!tasks_) continue;
      for (auto& [task, sink] : tasks_->sinks) {
        while (!sink.sealed.empty() && sink.sealed.front().epoch <= close->committed) sink.sealed.pop_front();
        if (close->closed > sink.cut) sink.alignment.on_abort(close->closed);
        drain_queues(task, sink);
      }
    } else if (const auto* commit_now = std::get_if<worker_control::commit>(&each)) {
      commit(*commit_now);
    } else if (std::get_if<worker_control::renew>(&each)) {
      perform(control_->on_renewed(cluster_.new_incarnation(process_), cluster_.world.now_us));
    }
  }
}

void simulated_worker::prepare(const attempt_order& order) {
  tasks_.emplace();
  ++tasks_life_;
  tasks_->order = order;
  later(5'000, 150'000, [this, order] { finish_preparing(order); });
}

void simulated_worker::finish_preparing(const attempt_order& order) {
  ++cluster_.restored;
  const uint32_t parallelism = order.parallelism == 0 ? 2 : order.parallelism;
  tasks_->parallelism = parallelism;
  tasks_->admission.emplace(order.job, order.stamp, size_t{parallelism} * parallelism);
  const auto saved = cluster_.storage.checkpoints.find(order.restore.value);
  const bool any = saved != cluster_.storage.checkpoints.end();
  for (const uint32_t task : order.tasks) {
    if (task < parallelism) {
      source_task& it = tasks_->sources[task];
      it.sequence.assign(parallelism, 0);
      it.credit.assign(parallelism, credit_sender(channel_budget));
      for (size_t split = task; split < splits; split += parallelism)
        it.positions[split] = any ? saved->second.positions[split] : 0;
      continue;
    }
    const uint32_t shard = task - parallelism;
    tasks_->sinks.try_emplace(task, parallelism);
    // The shards that this one takes over are brought to the last complete epoch before a row moves.
    bool had = false;
    if (any)
      for (const simulated_snapshot& old : saved->second.sinks)
        if (old.shard % parallelism == shard) {
          had = had || old.shard == shard;
          if (!cluster_.storage.commit(1, old.shard, saved->second.epoch, saved->second.previous, old.outbox))
            return perform(control_->on_failed(order.job, order.stamp, fail(error_code::unavailable, "shard is taken"),
                                               cluster_.world.now_us));
        }
    if (!had) cluster_.storage.begin(1, shard, order.restore);
  }
  perform(control_->on_prepared(order.job, order.stamp, cluster_.world.now_us));
}

void simulated_worker::read(uint32_t task) {
  source_task& it = tasks_->sources.at(task);
  if (it.stopped || it.ended) return;
  later(read_interval_us / 2, read_interval_us * 3 / 2, [this, task] { read(task); });
  const bool may = std::all_of(it.credit.begin(), it.credit.end(), [](const auto& each) { return each.has_credit(); });
  if (!may) return;
  std::vector<simulated_frame> out(tasks_->parallelism);
  for (auto& [split, position] : it.positions) {
    const int64_t rows = cluster_.world.random.between(1, 3);
    for (int64_t i = 0; i < rows; ++i) {
      ++position;
      out[position % tasks_->parallelism].rows.push_back({split, position});
    }
  }
  for (size_t shard = 0; shard < out.size(); ++shard) {
    if (out[shard].rows.empty()) continue;
    it.credit[shard].spend(1);
    send_frame(task, shard, std::move(out[shard]));
  }
}

void simulated_worker::end_source(uint32_t task) {
  source_task& it = tasks_->sources.at(task);
  if (it.ended) return;
  it.ended = true;
  for (size_t shard = 0; shard < tasks_->parallelism; ++shard)
    send_frame(task, shard, {.what = simulated_frame::kind::end});
  perform(control_->on_finished(tasks_->order.job, tasks_->order.stamp, task, cluster_.world.now_us));
}

void simulated_worker::send_frame(uint32_t from_task, size_t to_shard, simulated_frame what) {
  source_task& it = tasks_->sources.at(from_task);
  what.header = {tasks_->order.job, tasks_->order.stamp,
                 from_task * tasks_->parallelism + static_cast<uint32_t>(to_shard), ++it.sequence[to_shard]};
  send_to(tasks_->parallelism + static_cast<uint32_t>(to_shard), what);
}

void simulated_worker::send_to(uint32_t task, const simulated_frame& what) {
  for (const attempt_peer& each : tasks_->order.peers)
    for (const uint32_t its : each.tasks)
      if (its == task) return cluster_.to_peer(process_, cluster_.worker_of(each.incarnation), what);
}

void simulated_worker::cut_sources(const barrier& what) {
  for (auto& [task, it] : tasks_->sources) {
    simulated_snapshot made;
    made.positions = it.positions;
    if (what.kind == barrier_kind::stop) it.stopped = true;
    for (size_t shard = 0; shard < tasks_->parallelism; ++shard)
      send_frame(task, shard, {.what = simulated_frame::kind::barrier, .cut = what});
    durable(task, what.epoch, std::move(made));
  }
}

void simulated_worker::durable(uint32_t task, epoch_id epoch, simulated_snapshot made) {
  later(1'000, 60'000, [this, task, epoch, made = std::move(made)] {
    auto facts = std::make_shared<proto::TaskSnapshot>();
    facts->set_subtask(static_cast<uint32_t>(cluster_.storage.snapshots.size()));
    cluster_.storage.snapshots.push_back(made);
    perform(control_->on_part(tasks_->order.job, tasks_->order.stamp, epoch, task, std::move(facts)));
  });
}

void simulated_worker::on_frame(const simulated_frame& frame) {
  if (!tasks_ || !tasks_->admission) return;
  tasks_here& here = *tasks_;
  const uint32_t from = frame.header.channel / here.parallelism;
  if (frame.what == simulated_frame::kind::credit) {
    const auto source = here.sources.find(from);
    if (frame.header.stamp == here.order.stamp && source != here.sources.end())
      source->second.credit[frame.header.channel % here.parallelism].grant(1);
    return;
  }
  const uint32_t task = here.parallelism + frame.header.channel % here.parallelism;
  const auto sink = here.sinks.find(task);
  if (sink == here.sinks.end()) return;
  frame_header seen = frame.header;
  if (!cluster_.guards.attempt) seen.stamp = here.order.stamp;
  if (from >= here.parallelism) return;  // of an attempt with other channels
  auto verdict = here.admission->on_frame(seen);
  if (!cluster_.guards.sequence && verdict != frame_admission::verdict::stale)
    verdict = frame_admission::verdict::accept;
  switch (verdict) {
    case frame_admission::verdict::stale:
    case frame_admission::verdict::duplicate: return;
    case frame_admission::verdict::gap:
    case frame_admission::verdict::unknown: return fail_tasks("a frame is missing");
    case frame_admission::verdict::accept: break;
  }
  if (cluster_.guards.attempt && frame.header.stamp != here.order.stamp)
    cluster_.world.damaged("a task took a frame of another attempt");
  std::deque<simulated_frame>& queue = sink->second.queues[from];
  queue.push_back(frame);
  // Rows within the budget, and one barrier of each epoch under way.
  if (queue.size() > channel_budget + 4 && cluster_.guards.sequence && cluster_.guards.attempt)
    cluster_.world.damaged("a channel's queue grew to " + std::to_string(queue.size()));
  drain_queues(task, sink->second);
}

void simulated_worker::drain_queues(uint32_t task, sink_task& it) {
  for (bool again = true; again;) {
    again = false;
    for (size_t from = 0; from < it.queues.size(); ++from)
      while (!it.queues[from].empty() && (!it.alignment.blocked(from) || !cluster_.guards.alignment)) {
        const simulated_frame frame = std::move(it.queues[from].front());
        it.queues[from].pop_front();
        take(task, it, from, frame);
        again = true;
      }
  }
}

void simulated_worker::take(uint32_t task, sink_task& it, size_t from, const simulated_frame& frame) {
  switch (frame.what) {
    case simulated_frame::kind::rows: {
      it.open.insert(it.open.end(), frame.rows.begin(), frame.rows.end());
      simulated_frame credit{.what = simulated_frame::kind::credit, .header = frame.header};
      send_to(frame.header.channel / tasks_->parallelism, credit);
      break;
    }
    case simulated_frame::kind::barrier:
      if (!cluster_.guards.alignment) {
        if (frame.cut.epoch > it.cut) cut_sink(task, it, frame.cut);
        break;
      }
      it.alignment.on_barrier(from, frame.cut);
      break;
    case simulated_frame::kind::end:
      it.alignment.on_end(from);
      if (++it.ends == it.queues.size())
        perform(control_->on_finished(tasks_->order.job, tasks_->order.stamp, task, cluster_.world.now_us));
      break;
    case simulated_frame::kind::credit: break;
  }
  if (it.alignment.aligned()) {
    const barrier what = *it.alignment.aligned();
    cut_sink(task, it, what);
    it.alignment.taken();
  }
}

void simulated_worker::cut_sink(uint32_t task, sink_task& it, const barrier& what) {
  it.cut = what.epoch;
  it.sealed.push_back({what.epoch, std::move(it.open)});
  it.open.clear();
  // Complete epochs' rows are published; those of aborted epochs join this one.
  const epoch_id complete = cluster_.guards.previous ? what.previous : epoch_id();
  while (!it.sealed.empty() && it.sealed.front().epoch <= complete) it.sealed.pop_front();
  simulated_snapshot made;
  made.is_sink = true;
  made.shard = task - tasks_->parallelism;
  for (const auto& each : it.sealed) made.outbox.insert(made.outbox.end(), each.rows.begin(), each.rows.end());
  durable(task, what.epoch, std::move(made));
}

void simulated_worker::commit(const worker_control::commit& what) {
  if (!tasks_) return;
  for (const auto& [task, sink] : tasks_->sinks) {
    later(1'000, 60'000, [this, task = task, what, parallelism = tasks_->parallelism] {
      const auto found = cluster_.storage.checkpoints.find(what.cut.epoch.value);
      bool done = found != cluster_.storage.checkpoints.end();
      if (done)
        for (const simulated_snapshot& each : found->second.sinks)
          if (each.shard == task - parallelism)
            done = cluster_.storage.commit(1, each.shard, what.cut.epoch, what.previous, each.outbox);
      if (!done) return fail_tasks("its sink was fenced");
      perform(control_->on_committed(tasks_->order.job, tasks_->order.stamp, what.cut.epoch, task));
    });
  }
}

void simulated_worker::fail_tasks(const char* why) {
  if (!tasks_) return;
  perform(control_->on_failed(tasks_->order.job, tasks_->order.stamp, fail(error_code::unavailable, why),
                              cluster_.world.now_us));
}

void simulated_worker::on_peer_lost() {
  if (tasks_ && tasks_->running) fail_tasks("the connection to another worker was lost");
}

}  // namespace systole::testing
