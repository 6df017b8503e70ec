#pragma once

#include <caf/all.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "actors/node_work.h"
#include "actors/wire/transport.h"
#include "actors/wire/wire_network.h"
#include "coordination/control_messages.h"

namespace systole {

/// "worker 0123456789abcdef0123456789abcdef": how a process says who it is when it connects.
std::string identity_text(incarnation_id which);
std::optional<incarnation_id> parse_identity(const std::string& text);
incarnation_id random_incarnation();

/// Links to the processes that this one is connected with, by incarnation. Belongs to a node's actor and its thread.
class peer_links {
 public:
  /// `lost`: a connection is gone; called on the node's thread.
  peer_links(node_actor::pointer self, std::function<void(incarnation_id)> lost);

  /// Somebody has connected, or was connected to.
  void add(incarnation_id who, const wire_actor& gate);
  /// Says who we are, so that the other can answer to our gate.
  void greet(incarnation_id who, const std::string& identity, const gate_actor& gate);
  const link_actor* find(incarnation_id who) const;
  void send(incarnation_id who, envelope kind, std::string bytes) const;
  void remove(incarnation_id who);
  void end();
  /// From the node's down handler. True where it was one of these.
  bool on_down(const caf::actor_addr& gone);
  template <class Each>
  void for_each(Each each) const {
    for (const auto& [who, known] : peers_) each(who);
  }

 private:
  struct peer {
    wire_actor gate;
    link_actor link;
  };
  node_actor::pointer self_;
  std::function<void(incarnation_id)> lost_;
  std::map<incarnation_id, peer> peers_;
};

}  // namespace systole
