#include "coordination/control_wire.h"

#include <fmt/format.h>

#include <utility>

#include "coordination/control_ids.h"

namespace systole {
namespace {

using systole::get;
using systole::put;

failure unknown(const char* what) {
  return fail(error_code::corrupt, std::string("a control message has ") + what +
                                       " that this version does not know: run one version of systole in a cluster");
}

template <class Part, class Message>
void put_part(const Part& from, Message& to) {
  put(from.incarnation, *to.mutable_incarnation());
  to.set_job(from.job.value);
  put(from.stamp, *to.mutable_stamp());
  to.set_epoch(from.epoch.value);
  to.set_task(from.task);
}
template <class Part, class Message>
Part get_part(const Message& from) {
  Part made;
  made.incarnation = get(from.incarnation());
  made.job = job_id(from.job());
  made.stamp = get(from.stamp());
  made.epoch = epoch_id(from.epoch());
  made.task = from.task();
  return made;
}

void put(const attempt_report& from, proto::AttemptReport& to) {
  to.set_job(from.job.value);
  put(from.stamp, *to.mutable_stamp());
  to.set_phase(static_cast<proto::AttemptPhase>(from.phase));
  for (const uint32_t task : from.tasks) to.add_tasks(task);
  for (const uint32_t task : from.finished) to.add_finished(task);
  to.set_closed(from.closed.value);
  to.set_committed(from.committed.value);
  to.set_drained(from.drained);
  to.set_stopping(from.stopping);
  to.set_paused(from.paused);
  to.set_wants_epoch(from.wants_epoch);
  to.set_pressed(from.pressed);
  to.set_inputs_ended(from.inputs_ended);
  if (!from.cause) return;
  to.mutable_cause()->set_code(static_cast<uint32_t>(from.cause->code));
  to.mutable_cause()->set_message(from.cause->message);
  to.mutable_cause()->set_sqlstate(from.cause->sqlstate);
}
result<attempt_report> get(const proto::AttemptReport& from) {
  if (from.phase() > proto::PHASE_ENDING || from.phase() < 0) return unknown("a phase");
  attempt_report made;
  made.job = job_id(from.job());
  made.stamp = get(from.stamp());
  made.phase = static_cast<attempt_phase>(from.phase());
  made.tasks.assign(from.tasks().begin(), from.tasks().end());
  made.finished.assign(from.finished().begin(), from.finished().end());
  made.closed = epoch_id(from.closed());
  made.committed = epoch_id(from.committed());
  made.drained = from.drained();
  made.stopping = from.stopping();
  made.paused = from.paused();
  made.wants_epoch = from.wants_epoch();
  made.pressed = from.pressed();
  made.inputs_ended = from.inputs_ended();
  if (from.has_cause()) {
    if (from.cause().code() > static_cast<uint32_t>(error_code::internal)) return unknown("a kind of failure");
    made.cause = failure{static_cast<error_code>(from.cause().code()), from.cause().message(), from.cause().sqlstate()};
  }
  return made;
}

void put(const worker_report& from, proto::WorkerReport& to) {
  put(from.incarnation, *to.mutable_incarnation());
  to.set_name(from.name);
  to.set_address(from.address);
  to.set_node(from.node);
  to.set_slots(from.slots);
  to.set_sequence(from.sequence);
  to.set_leaving(from.leaving);
  to.set_term(from.term.value);
  for (const attempt_report& each : from.attempts) put(each, *to.add_attempts());
}
result<worker_report> get(const proto::WorkerReport& from) {
  worker_report made;
  made.incarnation = get(from.incarnation());
  made.name = from.name();
  made.address = from.address();
  made.node = from.node();
  made.slots = from.slots();
  made.sequence = from.sequence();
  made.leaving = from.leaving();
  made.term = term_id(from.term());
  for (const proto::AttemptReport& each : from.attempts()) {
    SYSTOLE_ASSIGN(attempt_report report, get(each));
    made.attempts.push_back(std::move(report));
  }
  return made;
}

void put(const attempt_order& from, proto::AttemptOrder& to) {
  to.set_term(from.term.value);
  put(from.to, *to.mutable_to());
  to.set_job(from.job.value);
  put(from.stamp, *to.mutable_stamp());
  to.set_goal(static_cast<proto::AttemptGoal>(from.goal));
  for (const uint32_t task : from.tasks) to.add_tasks(task);
  for (const attempt_peer& each : from.peers) {
    proto::AttemptPeer& peer = *to.add_peers();
    put(each.incarnation, *peer.mutable_incarnation());
    peer.set_address(each.address);
    for (const uint32_t task : each.tasks) peer.add_tasks(task);
  }
  to.set_restore(from.restore.value);
  to.set_parallelism(from.parallelism);
  to.set_drain(from.drain);
  to.set_pause(from.pause);
  to.set_all_paused(from.all_paused);
  to.set_inputs_ended(from.inputs_ended);
  to.set_closed(from.closed.value);
  to.set_committed(from.committed.value);
}
result<attempt_order> get(const proto::AttemptOrder& from) {
  if (from.goal() > proto::ENDED || from.goal() < 0) return unknown("a goal");
  attempt_order made;
  made.term = term_id(from.term());
  made.to = get(from.to());
  made.job = job_id(from.job());
  made.stamp = get(from.stamp());
  made.goal = static_cast<attempt_goal>(from.goal());
  made.tasks.assign(from.tasks().begin(), from.tasks().end());
  for (const proto::AttemptPeer& each : from.peers())
    made.peers.push_back({get(each.incarnation()), each.address(), {each.tasks().begin(), each.tasks().end()}});
  made.restore = epoch_id(from.restore());
  made.parallelism = from.parallelism();
  made.drain = from.drain();
  made.pause = from.pause();
  made.all_paused = from.all_paused();
  made.inputs_ended = from.inputs_ended();
  made.closed = epoch_id(from.closed());
  made.committed = epoch_id(from.committed());
  return made;
}

void put(const epoch_order& from, proto::EpochOrder& to) {
  to.set_term(from.term.value);
  put(from.to, *to.mutable_to());
  to.set_job(from.job.value);
  put(from.stamp, *to.mutable_stamp());
  to.set_what(static_cast<proto::EpochOrder::Kind>(from.what));
  to.mutable_cut()->set_epoch(from.cut.epoch.value);
  to.mutable_cut()->set_kind(static_cast<proto::BarrierKind>(from.cut.kind));
  to.mutable_cut()->set_previous(from.cut.previous.value);
  to.set_previous(from.previous.value);
}
result<epoch_order> get(const proto::EpochOrder& from) {
  if (from.what() > proto::EpochOrder::COMMIT || from.what() < 0) return unknown("an order");
  if (from.cut().kind() > proto::BARRIER_FINAL || from.cut().kind() < 0) return unknown("a kind of barrier");
  epoch_order made;
  made.term = term_id(from.term());
  made.to = get(from.to());
  made.job = job_id(from.job());
  made.stamp = get(from.stamp());
  made.what = static_cast<epoch_order::kind>(from.what());
  made.cut = {epoch_id(from.cut().epoch()), static_cast<barrier_kind>(from.cut().kind()),
              epoch_id(from.cut().previous())};
  made.previous = epoch_id(from.previous());
  return made;
}

/// A result of one kind of message as one of their variant.
template <class Message, class T>
result<Message> as(result<T> from) {
  if (!from) return std::move(from).error();
  return Message(std::move(*from));
}

}  // namespace

std::string checkpoint_uuid(job_id job, epoch_id epoch) { return fmt::format("{:016x}{:016x}", job.value, epoch.value); }

std::string encode(const worker_message& message) {
  proto::WorkerMessage made;
  if (const auto* report = std::get_if<worker_report>(&message)) {
    put(*report, *made.mutable_report());
  } else if (const auto* part = std::get_if<epoch_part>(&message)) {
    put_part(*part, *made.mutable_epoch_part());
    if (part->facts) *made.mutable_epoch_part()->mutable_facts() = *part->facts;
  } else if (const auto* committed = std::get_if<commit_part>(&message)) {
    put_part(*committed, *made.mutable_commit_part());
  } else {
    made.mutable_stale()->set_term(std::get<stale_notice>(message).term.value);
  }
  return made.SerializeAsString();
}

std::string encode(const coordinator_message& message) {
  proto::CoordinatorMessage made;
  if (const auto* order = std::get_if<attempt_order>(&message)) {
    put(*order, *made.mutable_order());
  } else if (const auto* epoch = std::get_if<epoch_order>(&message)) {
    put(*epoch, *made.mutable_epoch());
  } else {
    const auto& greeting = std::get<worker_greeting>(message);
    made.mutable_greeting()->set_term(greeting.term.value);
    put(greeting.incarnation, *made.mutable_greeting()->mutable_incarnation());
    made.mutable_greeting()->set_welcome(greeting.welcome);
    made.mutable_greeting()->set_storage(greeting.storage);
    made.mutable_greeting()->set_checkpoints(greeting.checkpoints);
  }
  return made.SerializeAsString();
}

result<worker_message> decode_worker_message(std::string_view bytes) {
  proto::WorkerMessage from;
  if (!from.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return unknown("a form");
  switch (from.what_case()) {
    case proto::WorkerMessage::kReport: return as<worker_message>(get(from.report()));
    case proto::WorkerMessage::kEpochPart: {
      auto made = get_part<epoch_part>(from.epoch_part());
      made.facts = std::make_shared<proto::TaskSnapshot>(std::move(*from.mutable_epoch_part()->mutable_facts()));
      return worker_message(std::move(made));
    }
    case proto::WorkerMessage::kCommitPart: return worker_message(get_part<commit_part>(from.commit_part()));
    case proto::WorkerMessage::kStale: return worker_message(stale_notice{term_id(from.stale().term())});
    case proto::WorkerMessage::WHAT_NOT_SET: break;
  }
  return unknown("a kind");
}

result<coordinator_message> decode_coordinator_message(std::string_view bytes) {
  proto::CoordinatorMessage from;
  if (!from.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return unknown("a form");
  switch (from.what_case()) {
    case proto::CoordinatorMessage::kGreeting:
      return coordinator_message(worker_greeting{term_id(from.greeting().term()), get(from.greeting().incarnation()),
                                                 from.greeting().welcome(), from.greeting().storage(),
                                                 from.greeting().checkpoints()});
    case proto::CoordinatorMessage::kOrder: return as<coordinator_message>(get(from.order()));
    case proto::CoordinatorMessage::kEpoch: return as<coordinator_message>(get(from.epoch()));
    case proto::CoordinatorMessage::WHAT_NOT_SET: break;
  }
  return unknown("a kind");
}

}  // namespace systole
