#include <caf/all.hpp>
#include <map>
#include <utility>

#include "actors/channel_credit.h"
#include "actors/quiet_actor.h"
#include "actors/wire/frame_wire.h"
#include "actors/wire/transport.h"
#include "base/bytes.h"
#include "base/limits.h"

namespace systole {
namespace {

struct gate_shell {
  struct open_attempt {
    std::shared_ptr<const frame_route> route;
    frame_admission admission;
    bool broken = false;
  };

  gate_actor::pointer self = nullptr;
  gate_events events;
  std::map<job_id, open_attempt> attempts;
  std::map<caf::actor_addr, uint64_t> arrived;  ///< by sender: not acknowledged yet

  /// Room in the node pair's ledger comes back as soon as bytes are out of the connection, whatever becomes of them.
  void acknowledge(size_t bytes) {
    const caf::strong_actor_ptr& from = self->current_sender();
    if (!from) return;
    uint64_t& sum = arrived[from->address()];
    sum += bytes;
    if (sum < limits::link_acknowledge_bytes) return;
    std::string out;
    append_varint(out, std::exchange(sum, 0));
    self->send(caf::actor_cast<wire_actor>(from), static_cast<uint8_t>(envelope::arrived), std::move(out));
  }

  void fail_attempt(open_attempt& attempt, failure cause) {
    if (std::exchange(attempt.broken, true)) return;
    events.broken(attempt.route->job, attempt.route->stamp, std::move(cause));
  }

  void on_frame(std::string bytes) {
    acknowledge(bytes.size());
    const auto header = decode_frame_header(bytes);
    if (!header) return on_damage(header.error());
    const auto found = attempts.find(header->job);
    if (found == attempts.end() || found->second.broken) return;
    open_attempt& attempt = found->second;
    switch (attempt.admission.on_frame(*header)) {
      case frame_admission::verdict::accept: break;
      case frame_admission::verdict::stale:
      case frame_admission::verdict::duplicate: return;
      case frame_admission::verdict::gap:
        return fail_attempt(attempt, fail(error_code::unavailable, "frames of channel " +
                                                                       std::to_string(header->channel) +
                                                                       " were lost between two workers"));
      case frame_admission::verdict::unknown:
        return fail_attempt(attempt, fail(error_code::internal, "a frame came for channel " +
                                                                    std::to_string(header->channel) +
                                                                    ", which the job does not have"));
    }
    const task_actor& receiver = attempt.route->receivers[header->channel];
    if (!receiver)
      return fail_attempt(attempt, fail(error_code::internal, "a frame came to a worker without its task"));
    auto frame = decode_frame(std::make_shared<const std::string>(std::move(bytes)));
    if (!frame) return fail_attempt(attempt, std::move(frame).error());
    self->send(receiver, std::move(*frame));
  }

  void on_credit(const std::string& bytes) {
    const auto credit = decode_credit(bytes);
    if (!credit) return on_damage(credit.error());
    const auto found = attempts.find(credit->job);
    if (found == attempts.end() || found->second.route->stamp != credit->stamp) return;
    const std::vector<task_actor>& senders = found->second.route->senders;
    if (credit->what.channel >= senders.size() || !senders[credit->what.channel])
      return fail_attempt(found->second, fail(error_code::internal, "credit came for a channel that does not begin here"));
    self->send(senders[credit->what.channel], credit->what);
  }

  /// Whose bytes these are cannot be told: the sender's tasks will miss their answer, and ours a frame.
  void on_damage(const failure& cause) {
    for (auto& [job, attempt] : attempts) fail_attempt(attempt, cause);
  }
};

gate_actor::behavior_type behave_as_gate(gate_actor::stateful_pointer<std::unique_ptr<gate_shell>> self,
                                 std::shared_ptr<gate_events> events) {
  self->state = std::make_unique<gate_shell>();
  gate_shell* shell = self->state.get();
  shell->self = self;
  shell->events = std::move(*events);
  make_quiet(self, [shell](const failure& cause) { shell->on_damage(cause); });
  return {
      [shell, self](uint8_t kind, std::string& bytes) {
        switch (static_cast<envelope>(kind)) {
          case envelope::frame: shell->on_frame(std::move(bytes)); break;
          case envelope::credit: shell->on_credit(bytes); break;
          case envelope::control: shell->events.control(self->current_sender(), std::move(bytes)); break;
          case envelope::arrived:
          case envelope::hello: break;  // not for gates, not alone
        }
      },
      [shell](uint8_t kind, std::string& bytes, const caf::strong_actor_ptr& gate) {
        if (static_cast<envelope>(kind) == envelope::hello && gate)
          shell->events.hello(std::move(bytes), caf::actor_cast<wire_actor>(gate));
      },
      [shell](const open_route& open) {
        const frame_route& route = *open.route;
        shell->attempts.insert_or_assign(
            route.job, gate_shell::open_attempt{open.route, {route.job, route.stamp, route.receivers.size(), route.checks_attempt}});
      },
      [shell](const close_route& close) {
        const auto found = shell->attempts.find(close.job);
        if (found != shell->attempts.end() && found->second.route->stamp == close.stamp) shell->attempts.erase(found);
      },
      [self](end_actor) { self->quit(); },
  };
}

}  // namespace

gate_actor spawn_gate(caf::actor_system& system, gate_events events) {
  return system.spawn(behave_as_gate, std::make_shared<gate_events>(std::move(events)));
}

}  // namespace systole
