#include <cassert>
#include <caf/all.hpp>
#include <deque>
#include <map>
#include <utility>

#include "actors/quiet_actor.h"
#include "actors/wire/transport.h"
#include "base/bytes.h"
#include "base/log.h"
#include "coordination/pair_ledger.h"

namespace systole {
namespace {

/// What waits for room, by channel, and the ledger that says whose turn it is.
struct link_shell {
  link_actor::pointer self = nullptr;
  wire_actor peer;
  pair_ledger ledger;
  std::map<uint64_t, std::deque<std::string>> waiting;

  link_shell(link_actor::pointer me, wire_actor to, uint64_t budget_bytes)
      : self(me), peer(std::move(to)), ledger(budget_bytes) {}

  void put(envelope kind, std::string bytes) { self->send(peer, static_cast<uint8_t>(kind), std::move(bytes)); }
  void put_frame(std::string bytes) {
    ledger.spend(bytes.size());
    put(envelope::frame, std::move(bytes));
  }
  void on_frame(outgoing_frame& what) {
    const auto queue = waiting.find(what.channel);
    if (queue == waiting.end() && ledger.may_send(what.channel)) return put_frame(std::move(what.bytes));
    waiting[what.channel].push_back(std::move(what.bytes));
  }
  void on_arrived(const std::string& bytes) {
    byte_reader in(bytes);
    const uint64_t count = in.varint();
    if (!in.ok() || !in.at_end() || count > ledger.outstanding())
      return log_line(log_level::error, "cluster", "a process acknowledged bytes that were not sent to it");
    ledger.on_arrived(count);
    while (const auto channel = ledger.next()) {
      const auto queue = waiting.find(*channel);
      assert(queue != waiting.end());
      do {  // one frame; more only while no other channel waits
        put_frame(std::move(queue->second.front()));
        queue->second.pop_front();
      } while (!queue->second.empty() && ledger.may_send(*channel));
      if (queue->second.empty()) waiting.erase(queue);
    }
  }
};

link_actor::behavior_type behave_as_link(link_actor::stateful_pointer<std::unique_ptr<link_shell>> self, wire_actor peer,
                                 uint64_t budget_bytes) {
  self->state = std::make_unique<link_shell>(self, std::move(peer), budget_bytes);
  link_shell* shell = self->state.get();
  // Who watches the peer is the process: a link only stops being of use.
  make_quiet(self, [](const failure& cause) { log_line(log_level::warning, "cluster", cause.message); });
  return {
      [shell](uint8_t kind, const std::string& bytes) {
        if (static_cast<envelope>(kind) == envelope::arrived) shell->on_arrived(bytes);
      },
      [](uint8_t, const std::string&, const caf::strong_actor_ptr&) {},  // hellos go to gates
      [shell](outgoing_frame& what) { shell->on_frame(what); },
      [shell](outgoing_bytes& what) { shell->put(what.kind, std::move(what.bytes)); },
      [shell](outgoing_hello& what) {
        shell->self->send(shell->peer, static_cast<uint8_t>(envelope::hello), std::move(what.identity), what.gate);
      },
      [self](end_actor) { self->quit(); },
  };
}

}  // namespace

link_actor spawn_link(caf::actor_system& system, wire_actor peer, uint64_t budget_bytes) {
  return system.spawn(behave_as_link, std::move(peer), budget_bytes);
}

}  // namespace systole
