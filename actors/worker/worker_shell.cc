#include "actors/worker/worker_shell.h"

#include <algorithm>
#include <utility>

#include "actors/quiet_actor.h"
#include "base/log.h"
#include "coordination/control_wire.h"
#include "coordination/source_progress.h"

namespace systole {
namespace {

constexpr std::chrono::seconds peers_patience{10};

worker_control::settings settings_of(const worker_core& core) {
  return {.incarnation = random_incarnation(),
          .name = core.options.name,
          .address = {},
          .node = core.options.node,
          .slots = core.options.slots};
}

}  // namespace

worker_shell::worker_shell(node_actor::pointer self, std::shared_ptr<worker_core> core)
    : self_(self),
      core_(std::move(core)),
      control_(settings_of(*core_)),
      leader_(core_->options.coordinators.size()),
      peers_(self, [this](incarnation_id lost) {
        for (const auto& [job, each] : hosting_)
          for (const attempt_peer& peer : each.order.peers)
            if (peer.incarnation == lost && !each.ending)
              perform(control_.on_failed(job, each.order.stamp,
                                         fail(error_code::unavailable, "the connection from worker " +
                                                                           core_->options.name + " to the worker at " +
                                                                           peer.address + " was lost"),
                                         now_us()));
      }) {}

timestamp_us worker_shell::now_us() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(core_->components.time->monotonic()).count();
}

/// Not even, or tries could fall together with something else that comes at even times, again and again.
std::chrono::milliseconds worker_shell::connect_pause() {
  return std::chrono::milliseconds(std::uniform_int_distribution<int>(150, 450)(random_));
}

void worker_shell::post_later(std::chrono::microseconds wait, std::function<void()> what) {
  self_->delayed_send(node_actor(self_), wait, node_work{std::move(what)});
}

std::function<void(std::function<void(worker_shell&)>)> worker_shell::poster() const {
  return [core = core_, node = node_actor(self_)](std::function<void(worker_shell&)> what) {
    caf::anon_send(node, node_work{[core, what = std::move(what)] { what(*core->shell); }});
  };
}

void worker_shell::start(gate_actor gate) {
  gate_ = std::move(gate);
  worker_control::settings with = settings_of(*core_);
  with.address = core_->listens_at.text();
  control_ = worker_control(with);
  for (const wire_address& each : core_->options.coordinators) lines_.emplace_back().address = each;
  for (size_t i = 0; i < lines_.size(); ++i) connect(i);
  tick();
  tell_news();
}

void worker_shell::tick() {
  if (stopped_) return;
  perform(control_.on_time(now_us()));
  const timestamp_us wait = std::max<timestamp_us>(control_.next_wakeup_us() - now_us(), 1'000);
  post_later(std::chrono::microseconds(wait), [this, turn = ++turn_] {
    if (turn == turn_) tick();
  });
}

// ---- coordinators

void worker_shell::connect(size_t which) {
  if (stopped_) return;
  core_->network.connect(lines_[which].address, [post = poster(), which](result<wire_actor> found) {
    post([which, found = std::move(found)](worker_shell& shell) { shell.on_connected(which, found); });
  });
}

void worker_shell::on_connected(size_t which, result<wire_actor> found) {
  if (stopped_) return;
  line& at = lines_[which];
  if (!found) {
    if (std::exchange(at.told, found.error().message) != found.error().message)
      log_line(log_level::warning, "worker", "no coordinator yet: " + found.error().message);
    return post_later(connect_pause(), [this, which] { connect(which); });
  }
  at.told.clear();
  at.gate = std::move(*found);
  at.link = spawn_link(self_->system(), at.gate, limits::link_bytes);
  self_->monitor(at.gate);
  self_->send(at.link, outgoing_hello{identity_text(control_.incarnation()),
                                      caf::actor_cast<caf::strong_actor_ptr>(gate_)});
  told_line_ = 0;
  log_line(log_level::info, "worker", "connected to the coordinator at " + at.address.text());
}

void worker_shell::on_down(const caf::actor_addr& gone) {
  if (stopped_) return;
  for (size_t i = 0; i < lines_.size(); ++i) {
    line& at = lines_[i];
    if (!at.gate || at.gate.address() != gone) continue;
    log_line(log_level::warning, "worker", "lost the coordinator at " + at.address.text());
    self_->send(at.link, end_actor{});
    at.gate = nullptr;
    at.link = nullptr;
    return post_later(connect_pause(), [this, i] { connect(i); });
  }
  peers_.on_down(gone);
}

void worker_shell::on_control(const caf::strong_actor_ptr& from, const std::string& bytes) {
  if (stopped_) return;
  if (is_tap_order(bytes)) return on_tap_order(bytes);
  if (is_source_progress(bytes)) return on_progress(bytes);
  const auto message = decode_coordinator_message(bytes);
  if (!message) return log_line(log_level::error, "worker", message.error().message);
  const term_id term = std::visit([](const auto& each) { return each.term; }, *message);
  if (term >= control_.term() && from)
    for (size_t i = 0; i < lines_.size(); ++i)
      if (lines_[i].gate && lines_[i].gate.node() == from->node() && std::exchange(leader_, i) != i)
        told_line_ = 0;  // another one leads, who knows nothing of what was logged
  if (const auto* greeting = std::get_if<worker_greeting>(&*message))
    if (term >= control_.term()) {
      storage_ = greeting->storage;
      checkpoints_ = greeting->checkpoints;
    }
  perform(control_.on_message(*message, now_us()));
}

void worker_shell::send(const worker_message& what) {
  const std::string bytes = encode(what);
  const bool to_all = std::holds_alternative<worker_report>(what);
  for (size_t i = 0; i < lines_.size(); ++i)
    if (lines_[i].link && (to_all || i == leader_)) self_->send(lines_[i].link, outgoing_bytes{envelope::control, bytes});
}

// ---- other workers

void worker_shell::on_hello(const std::string& identity, const wire_actor& gate) {
  const auto who = parse_identity(identity);
  if (stopped_ || !who) return;
  if (!peers_.find(*who)) log_line(log_level::info, "worker", "another worker has connected");
  peers_.add(*who, gate);
  maybe_host_all();
}

void worker_shell::maybe_host_all() {
  std::vector<job_id> waiting;
  for (const auto& [job, each] : hosting_) waiting.push_back(job);
  for (const job_id job : waiting) maybe_host(job);
}

void worker_shell::on_broken(job_id job, attempt_stamp stamp, failure cause) {
  if (!stopped_) perform(control_.on_failed(job, stamp, std::move(cause), now_us()));
}

bool worker_shell::has_all_peers(const hosting& of) const {
  return std::all_of(of.order.peers.begin(), of.order.peers.end(), [this](const attempt_peer& each) {
    return each.incarnation == control_.incarnation() || peers_.find(each.incarnation);
  });
}

/// Of two workers the one with the lower incarnation connects: both at once would undo each other.
void worker_shell::link_peers() {
  if (stopped_) return;
  for (const auto& [job, at] : hosting_) {
    if (at.ending || at.host) continue;
    for (const attempt_peer& each : at.order.peers) {
      if (each.incarnation <= control_.incarnation() || peers_.find(each.incarnation)) continue;
      const auto address = parse_wire_address(each.address);
      // One try at a time: they queue in the network's one thread, and more of them would only make each other late.
      if (!address || !connecting_.insert(each.incarnation).second) continue;
      core_->network.connect(*address, [post = poster(), peer = each](result<wire_actor> reached) {
        post([peer, reached = std::move(reached)](worker_shell& shell) { shell.on_peer_reached(peer, reached); });
      });
    }
  }
}

void worker_shell::on_peer_reached(const attempt_peer& peer, const result<wire_actor>& reached) {
  if (stopped_) return;
  if (!reached) {
    log_line(log_level::warning, "worker", "no connection to the worker at " + peer.address + ": " + reached.error().message);
    return post_later(connect_pause(), [this, who = peer.incarnation] {
      connecting_.erase(who);
      link_peers();
    });
  }
  connecting_.erase(peer.incarnation);
  if (!peers_.find(peer.incarnation)) {
    log_line(log_level::info, "worker", "connected to the worker at " + peer.address);
    peers_.add(peer.incarnation, *reached);
    peers_.greet(peer.incarnation, identity_text(control_.incarnation()), gate_);
  }
  maybe_host_all();
}

// ---- what control wants

void worker_shell::perform(const worker_control::actions& actions) {
  for (const worker_control::action& each : actions) perform(each);
}

void worker_shell::perform(const worker_control::action& what) {
  if (const auto* it = std::get_if<worker_control::prepare>(&what)) return prepare(it->order);
  if (const auto* it = std::get_if<worker_control::run>(&what)) return run(it->job);
  if (const auto* it = std::get_if<worker_control::end>(&what)) return end(it->job, it->stamp);
  if (const auto* it = std::get_if<worker_control::drain>(&what)) return to_host(it->job, drain_input{});
  if (const auto* it = std::get_if<worker_control::pause>(&what)) return to_host(it->job, pause_sources{it->on});
  if (const auto* it = std::get_if<worker_control::sources_paused>(&what)) return to_host(it->job, host_sources_paused{});
  if (const auto* it = std::get_if<worker_control::inputs_ended>(&what)) return to_host(it->job, others_ended{});
  if (const auto* it = std::get_if<worker_control::trigger>(&what)) return to_host(it->job, trigger_epoch{it->cut});
  if (const auto* it = std::get_if<worker_control::send>(&what)) return send(it->what);
  if (const auto* it = std::get_if<worker_control::close>(&what)) {
    if (const auto at = hosting_.find(it->job); at != hosting_.end() && at->second.world)
      at->second.world->on_committed(it->committed);
    return to_host(it->job, host_close{it->closed, it->committed});
  }
  if (const auto* it = std::get_if<worker_control::commit>(&what)) {
    const commit_epoch epoch{it->cut.epoch, it->previous, checkpoint_uuid(it->job, it->cut.epoch),
                             it->cut.kind == barrier_kind::final};
    return to_host(it->job, commit_sinks{epoch});
  }
  if (std::holds_alternative<worker_control::renew>(what)) {
    log_line(log_level::warning, "worker", "was given up while it stood still; registers anew");
    const incarnation_id fresh = random_incarnation();
    const worker_control::actions next = control_.on_renewed(fresh, now_us());
    const std::string identity = identity_text(fresh);
    for (const line& each : lines_)
      if (each.link)
        self_->send(each.link, outgoing_hello{identity, caf::actor_cast<caf::strong_actor_ptr>(gate_)});
    peers_.for_each([&](incarnation_id who) { peers_.greet(who, identity, gate_); });
    return perform(next);
  }
  stop({});  // may_leave
}

void worker_shell::prepare(const attempt_order& order) {
  hosting& made = hosting_[order.job];
  made = {};
  made.order = order;
  const std::string& storage = core_->options.storage.empty() ? storage_ : core_->options.storage;
  attempt_recipe recipe{.order = order,
                        .storage = storage,
                        .checkpoints = checkpoints_,
                        .directory = directory_of(order),
                        .secret_directory = core_->options.secret_directory,
                        .memory_bytes = core_->options.memory_bytes,
                        .slots = core_->options.slots,
                        .crash_at = core_->options.crash_at,
                        .taps = core_->taps};
  self_->system().spawn<caf::detached>([post = poster(), core = core_, recipe](caf::event_based_actor*) {
    auto built = worker_attempt::build(recipe, core->components);
    post([job = recipe.order.job, stamp = recipe.order.stamp, built = std::move(built)](worker_shell& shell) {
      shell.on_built(job, stamp, built);
    });
  });
  link_peers();
  post_later(peers_patience, [this, job = order.job, stamp = order.stamp] {
    const hosting* at = find(job, stamp);
    if (stopped_ || !at || at->host || at->ending) return;
    for (const attempt_peer& each : at->order.peers)
      if (each.incarnation != control_.incarnation() && !peers_.find(each.incarnation))
        return perform(control_.on_failed(job, stamp,
                                          fail(error_code::unavailable, "worker " + core_->options.name +
                                                                            " and the worker at " + each.address +
                                                                            " cannot reach each other"),
                                          now_us()));
  });
}

std::string worker_shell::directory_of(const attempt_order& order) const {
  return core_->options.directory + "/jobs/" + job_id_text(order.job) + "-" + std::to_string(order.stamp.term.value) + "-" +
         std::to_string(order.stamp.attempt.value);
}

worker_shell::hosting* worker_shell::find(job_id job, attempt_stamp stamp) {
  const auto found = hosting_.find(job);
  return found == hosting_.end() || found->second.order.stamp != stamp ? nullptr : &found->second;
}

void worker_shell::on_built(job_id job, attempt_stamp stamp, result<std::shared_ptr<worker_attempt>> built) {
  hosting* at = find(job, stamp);
  if (!at) return;
  at->building = false;
  if (built) at->world = std::move(*built);
  if (at->ending) return release(job, stamp);
  if (built) return maybe_host(job);
  at->failed = true;
  perform(control_.on_failed(job, stamp, std::move(built).error(), now_us()));
}

void worker_shell::maybe_host(job_id job) {
  const auto found = hosting_.find(job);
  if (stopped_ || found == hosting_.end()) return;
  hosting& at = found->second;
  if (!at.world || at.host || at.ending || !has_all_peers(at)) return;
  const attempt_stamp stamp = at.order.stamp;
  host_parts parts{.job = job,
                   .stamp = stamp,
                   .world = at.world,
                   .whole = &at.world->whole(),
                   .tasks = at.world->take_tasks(),
                   .elsewhere = std::vector<task_actor>(at.world->whole().tasks.size()),
                   .gate = gate_,
                   .checks_attempt = core_->components.guards.attempt_check,
                   .crash = &at.world->crash(),
                   .state_writers = static_cast<uint32_t>(std::clamp<size_t>(at.order.tasks.size(), 1, 4)),
                   .events = events_of(job, stamp)};
  for (const attempt_peer& each : at.order.peers) {
    if (each.incarnation == control_.incarnation()) continue;
    const task_actor proxy = spawn_remote_tasks(self_->system(), job, stamp, *peers_.find(each.incarnation));
    for (const uint32_t task : each.tasks)
      if (task < parts.elsewhere.size()) parts.elsewhere[task] = proxy;
  }
  for (const host_parts::hosted_task& each : parts.tasks)
    if (parts.whole->tasks[each.index].has_main_source) at.reading.insert(each.index);
  meter(job, *at.world);
  at.host = spawn_attempt_host(self_->system(), std::move(parts));
  count_slots();
  if (!telling_progress_) tell_progress();
}

host_events worker_shell::events_of(job_id job, attempt_stamp stamp) const {
  const auto post = poster();
  return {
      .ready = [=] { post([=](worker_shell& shell) { shell.perform(shell.control_.on_prepared(job, stamp, shell.now_us())); }); },
      .failed =
          [=](failure cause) {
            post([=, cause = std::move(cause)](worker_shell& shell) {
              shell.perform(shell.control_.on_failed(job, stamp, cause, shell.now_us()));
            });
          },
      .ended =
          [=](bool hanging) {
            post([=](worker_shell& shell) {
              if (hanging)
                return shell.stop(fail(error_code::internal,
                                       "a thread of a job hangs in a call; the worker has to be started again"));
              if (hosting* at = shell.find(job, stamp)) at->host = nullptr;
              shell.release(job, stamp);
            });
          },
      .finished =
          [=](uint32_t task) {
            post([=](worker_shell& shell) {
              shell.perform(shell.control_.on_finished(job, stamp, task, shell.now_us()));
            });
          },
      .sources_ended = [=](uint32_t task) { post([=](worker_shell& shell) { shell.on_sources_ended(job, stamp, task); }); },
      .part =
          [=](epoch_id epoch, uint32_t task, std::shared_ptr<const proto::TaskSnapshot> facts) {
            post([=](worker_shell& shell) { shell.perform(shell.control_.on_part(job, stamp, epoch, task, facts)); });
          },
      .committed =
          [=](epoch_id epoch, uint32_t task) {
            post([=](worker_shell& shell) { shell.perform(shell.control_.on_committed(job, stamp, epoch, task)); });
          },
      .outboxes =
          [=](bool wants_epoch, bool pressed) {
            post([=](worker_shell& shell) {
              shell.perform(shell.control_.on_outboxes(job, stamp, wants_epoch, pressed, shell.now_us()));
            });
          },
  };
}

void worker_shell::run(job_id job) {
  to_host(job, host_run{});
  const auto found = hosting_.find(job);
  if (found != hosting_.end() && found->second.reading.empty())
    perform(control_.on_inputs_ended(job, found->second.order.stamp, now_us()));
}

void worker_shell::on_sources_ended(job_id job, attempt_stamp stamp, uint32_t task) {
  hosting* at = find(job, stamp);
  if (!at || at->reading.erase(task) == 0 || !at->reading.empty()) return;
  perform(control_.on_inputs_ended(job, stamp, now_us()));
}

void worker_shell::end(job_id job, attempt_stamp stamp) {
  hosting* at = find(job, stamp);
  if (!at) return;
  at->ending = true;
  if (at->world) at->world->give_up();
  if (at->host) self_->send(at->host, end_actor{});
  else if (!at->building) release(job, stamp);
}

/// Lets go of what the tasks were made of, which may take a while, and says so.
void worker_shell::release(job_id job, attempt_stamp stamp) {
  hosting* at = find(job, stamp);
  if (!at) return;
  auto world = std::make_shared<std::shared_ptr<worker_attempt>>(std::move(at->world));
  const std::string directory = directory_of(at->order);
  hosting_.erase(job);
  count_slots();
  {
    const std::lock_guard lock(core_->mutex);
    if (const auto counted = core_->meters.find(job); counted != core_->meters.end()) counted->second->end();
  }
  self_->system().spawn<caf::detached>(
      [post = poster(), core = core_, world, directory, job, stamp](caf::event_based_actor*) {
        world->reset();
        if (auto removed = core->components.files->remove_all(directory); !removed)
          log_line(log_level::warning, "worker", removed.error().message);  // it goes at the next start
        post([job, stamp](worker_shell& shell) { shell.perform(shell.control_.on_ended(job, stamp, shell.now_us())); });
      });
}

/// The job's counters go on where an earlier attempt's ended.
void worker_shell::meter(job_id job, const worker_attempt& of) {
  std::shared_ptr<job_meter> known;
  {
    const std::lock_guard lock(core_->mutex);
    for (auto each = core_->meters.begin(); each != core_->meters.end() && core_->meters.size() > kept_meters;)
      each = hosting_.contains(each->first) ? std::next(each) : core_->meters.erase(each);
    auto& at = core_->meters[job];
    if (!at) at = std::make_shared<job_meter>(of.plan().job(), *core_->components.time);
    known = at;
  }
  known->begin(of.plan(), of.whole(), of.counters());
}

void worker_shell::count_slots() {
  const std::lock_guard lock(core_->mutex);
  core_->slots_used = 0;
  for (const auto& [job, each] : hosting_)
    if (each.world) core_->slots_used += each.world->slots();
}

// ---- the end

void worker_shell::leave() {
  log_line(log_level::info, "worker", "leaving: its tasks go to other workers");
  perform(control_.on_leave(now_us()));
  post_later(core_->options.leave_patience, [this] {
    if (!stopped_) log_line(log_level::warning, "worker", "nobody took all its tasks over in time; ends all the same");
    stop({});
  });
}

void worker_shell::stop(std::optional<failure> cause) {
  if (std::exchange(stopped_, true)) return;
  for (auto& [job, each] : hosting_)
    if (each.host) self_->send(each.host, end_actor{});
  peers_.end();
  for (line& each : lines_)
    if (each.link) self_->send(each.link, end_actor{});
  self_->send(gate_, end_actor{});
  gate_ = nullptr;
  {
    const std::lock_guard lock(core_->mutex);
    core_->ended = true;
    core_->cause = std::move(cause);
    core_->changed.notify_all();
  }
  self_->quit();
}

namespace {

node_actor::behavior_type behave_as_worker(node_actor::stateful_pointer<std::unique_ptr<worker_shell>> self,
                                 std::shared_ptr<worker_core> core) {
  self->state = std::make_unique<worker_shell>(self, core);
  worker_shell* shell = self->state.get();
  core->shell = shell;
  make_quiet(self, [shell](failure cause) { shell->stop(std::move(cause)); });
  self->set_down_handler([shell](caf::down_msg& down) { shell->on_down(down.source); });
  return {[](const node_work& work) { work.what(); }};
}

}  // namespace

node_actor spawn_worker_shell(const std::shared_ptr<worker_core>& core) {
  return core->network.system().spawn(behave_as_worker, core);
}

}  // namespace systole
