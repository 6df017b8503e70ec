#include "tests/coordination/simulated_cluster.h"

namespace systole::testing {

simulated_cluster::simulated_cluster(uint64_t seed, const simulated_guards& with)
    : guards(with),
      world(seed, worker_count + coordinator_count),
      storage(world, guards),
      last_arrival_(worker_count * worker_count, 0) {
  for (size_t i = 0; i < worker_count; ++i) workers.push_back(std::make_unique<simulated_worker>(*this, i));
  for (size_t i = 0; i < coordinator_count; ++i)
    coordinators.push_back(std::make_unique<simulated_coordinator>(*this, coordinator_process(i)));
}

job_control::shape simulated_cluster::shape_of(uint32_t parallelism) {
  const uint32_t p = parallelism == 0 ? 2 : parallelism;
  job_control::shape made;
  for (uint32_t i = 0; i < p; ++i) made.tasks.push_back({0, i, {}});
  for (uint32_t i = 0; i < p; ++i) made.tasks.push_back({1, i, {}});
  made.sinks.resize(sinks);
  made.sinks[1].shards_commit = true;
  for (uint32_t i = 0; i < p; ++i) made.sinks[1].tasks.push_back(p + i);
  return made;
}

incarnation_id simulated_cluster::new_incarnation(size_t worker) { return {++incarnations_, worker}; }

void simulated_cluster::to_coordinators(size_t from, const worker_message& what) {
  for (size_t i = 0; i < coordinator_count; ++i)
    world.send(from, coordinator_process(i), [this, i, what] { coordinators[i]->on_message(what); });
}

void simulated_cluster::to_worker(size_t from, incarnation_id to, const coordinator_message& what) {
  const size_t worker = worker_of(to);
  world.send(from, worker, [this, worker, what] { workers[worker]->on_message(what); });
}

/// A connection between workers keeps its order, but for what the weather does to it; where it is cut, both ends hear
/// of it after a while.
void simulated_cluster::to_peer(size_t from, size_t to, simulated_frame what) {
  if (world.cut(from, to)) {
    world.at(from, 100'000, [this, from] { workers[from]->on_peer_lost(); });
    return;
  }
  if (!world.of(to).alive) return;
  const bool rows = what.what != simulated_frame::kind::credit;
  if (rows && world.random.chance(world.now.loss / 20)) return;
  const bool twice = rows && world.random.chance(world.now.twice / 5);
  timestamp_us& last = last_arrival_[from * worker_count + to];
  timestamp_us arrival = std::max(last, world.now_us + world.random.between(50, 3'000));
  if (rows && world.random.chance(world.now.loss / 20)) arrival += 10'000;  // overtaken
  else last = arrival;
  if (twice) world.at(to, arrival - world.now_us + 20'000, [this, to, what] { workers[to]->on_frame(what); });
  world.at(to, arrival - world.now_us, [this, to, what = std::move(what)] { workers[to]->on_frame(what); });
}

void simulated_cluster::kill_worker(size_t which) {
  const auto* control = workers[which]->control();
  const incarnation_id was = control->incarnation();
  world.kill(which);
  for (size_t i = 0; i < coordinator_count; ++i)
    if (world.random.chance(0.8) && !world.cut(which, coordinator_process(i)))
      world.at(coordinator_process(i), world.random.between(100, 3'000),
               [this, i, was] { coordinators[i]->on_connection_lost(was); });
  world.happen(world.random.between(10'000, 2'000'000), [this, which] { revive(which); });
}

bool simulated_cluster::revive(size_t process) {
  if (world.of(process).alive) return false;
  world.of(process).alive = true;
  world.of(process).paused_until = 0;
  if (process < worker_count) workers[process]->start(new_incarnation(process));
  else coordinators[process - worker_count]->start();
  return true;
}

void simulated_cluster::kill_coordinator(size_t which) {
  world.kill(coordinator_process(which));
  world.happen(world.random.between(10'000, 1'500'000), [this, which] {
    if (revive(coordinator_process(which)) && world.random.chance(0.5)) elect(which, world.random.chance(0.5));
  });
}

/// The lock's holder, in its own opinion; the other may not hear that it is not.
void simulated_cluster::elect(size_t which, bool tell_the_other) {
  lock_holder = coordinator_process(which);
  world.at(coordinator_process(which), 1'000, [this, which] { coordinators[which]->elected(); });
  if (tell_the_other)
    world.at(coordinator_process(1 - which), 1'000, [this, which] {
      if (lock_holder != coordinator_process(1 - which)) coordinators[1 - which]->lock_lost();
    });
}

void simulated_cluster::fault() {
  const size_t worker = static_cast<size_t>(world.random.between(0, worker_count - 1));
  const size_t coordinator = static_cast<size_t>(world.random.between(0, coordinator_count - 1));
  const size_t any = static_cast<size_t>(world.random.between(0, worker_count + coordinator_count - 1));
  switch (world.random.between(0, 11)) {
    case 0:
      if (world.of(worker).alive) kill_worker(worker);
      break;
    case 1:
    case 2:
      if (world.of(coordinator_process(coordinator)).alive) kill_coordinator(coordinator);
      break;
    case 3:
    case 4:
    case 5: world.of(any).paused_until = world.now_us + world.random.between(50'000, 3'000'000); break;
    case 6:
    case 7: {
      const size_t other = static_cast<size_t>(world.random.between(0, worker_count + coordinator_count - 1));
      world.set_cut(any, other, true);
      world.happen(world.random.between(50'000, 2'500'000), [this, any, other] { world.set_cut(any, other, false); });
      break;
    }
    case 8:
    case 9: elect(coordinator, world.random.chance(0.3)); break;
    default: {
      using kind = job_request::kind;
      constexpr kind kinds[] = {kind::stop,    kind::resume,    kind::resume, kind::rescale,
                                kind::rescale, kind::savepoint, kind::drain,  kind::cancel};
      job_request what;
      what.id = "r" + std::to_string(++requests_);
      what.what = kinds[world.random.between(0, 7)];
      what.parallelism = static_cast<uint32_t>(world.random.between(1, 2));
      for (size_t i = 0; i < coordinator_count; ++i)
        world.at(coordinator_process(i), 1'000, [this, i, what] {
          if (!quiet_) coordinators[i]->request(what);  // its user has given up waiting
        });
      break;
    }
  }
}

void simulated_cluster::calm() {
  quiet_ = true;
  world.now = {};
  for (size_t a = 0; a < worker_count + coordinator_count; ++a) {
    revive(a);
    world.of(a).paused_until = std::min(world.of(a).paused_until, world.now_us);
    for (size_t b = 0; b < worker_count + coordinator_count; ++b) world.set_cut(a, b, false);
  }
}

void simulated_cluster::run() {
  constexpr timestamp_us chaos_us = 10'000'000;
  constexpr timestamp_us recovery_us = 10'000'000;
  for (size_t i = 0; i < worker_count; ++i) workers[i]->start(new_incarnation(i));
  for (auto& each : coordinators) each->start();
  elect(0, true);
  world.run_until(1'500'000);
  world.now = {world.random.chance(0.7) ? 0.03 : 0.0, world.random.chance(0.7) ? 0.05 : 0.0,
               world.random.between(2'000, 60'000)};
  while (world.now_us < chaos_us && world.damage.empty()) {
    fault();
    world.run_until(world.now_us + world.random.between(20'000, 1'500'000));
  }
  // All that died comes back, one has the lock (the other may not know), and a user wants the job to run.
  calm();
  const size_t leader = static_cast<size_t>(world.random.between(0, coordinator_count - 1));
  elect(leader, world.random.chance(0.5));
  const timestamp_us deadline_us = world.now_us + recovery_us;
  const auto work = [&]() -> const job_control* {
    const auto* control = coordinators[leader]->control();
    return control && !control->jobs().empty() ? &control->jobs().at(job) : nullptr;
  };
  const auto wait_for = [&](auto condition) {
    while (world.now_us < deadline_us && world.damage.empty() && !condition()) world.run_until(world.now_us + 100'000);
  };
  wait_for([&] { return coordinators[leader]->leads() && work() != nullptr; });
  const job_request resume{"the-last", job_request::kind::resume, 0};
  const auto running = [&] {
    // A user repeats what may not have been heard; by its id it is one request.
    world.at(coordinator_process(leader), 0, [this, leader, resume] { coordinators[leader]->request(resume); });
    return work() && work()->current() == job_control::state::running;
  };
  const auto finished = [&] { return work() && work()->current() == job_control::state::finished; };
  wait_for([&] { return running() || finished(); });
  const uint64_t before = storage.completed;
  wait_for([&] { return (running() && storage.completed >= before + 3) || finished(); });
  calm_us = world.now_us - (deadline_us - recovery_us);
  if (finished()) return storage.expect_whole(storage.last_complete);  // a user had it drained
  if (running() && storage.completed >= before + 3) return;
  if (!work()) return world.damaged("nobody leads");
  world.damaged("the job is in state " + std::to_string(static_cast<int>(work()->current())) + " with " +
                std::to_string(storage.completed - before) + " epochs completed in quiet weather; " + work()->reason() +
                "; " + work()->missing().told());
}

}  // namespace systole::testing
