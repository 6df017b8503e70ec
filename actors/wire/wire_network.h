#pragma once

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "actors/wire/node_tls.h"
#include "actors/wire/transport.h"
#include "base/result.h"

namespace systole {

/// HOST:PORT of a process; an IPv6 host in brackets.
struct wire_address {
  std::string host;
  uint16_t port = 0;
  std::string text() const;
};
result<wire_address> parse_wire_address(const std::string& text);

/// The actor system of a process that talks to others.
class wire_network {
 public:
  /// `tls`: checked by check_node_tls(); all connections are encrypted and mutually authenticated with it.
  explicit wire_network(node_tls tls = {});
  ~wire_network();
  wire_network(const wire_network&) = delete;
  wire_network& operator=(const wire_network&) = delete;

  caf::actor_system& system() { return *system_; }
  /// Publishes a gate at a numeric address of this machine; port 0 takes a free one. Returns the port.
  result<uint16_t> publish(const gate_actor& gate, const std::string& address, uint16_t port);
  /// Looks for a process's gate; `then` is called once, on a thread of its own, within `connect_patience` and a bit.
  void connect(const wire_address& to, std::function<void(result<wire_actor>)> then);

  static constexpr std::chrono::milliseconds connect_patience{2'000};
  /// A peer that is silent for so long is cut off. (Whether a worker is alive is decided by its reports, far sooner;
  /// this only ends connections into nothing.)
  static constexpr std::chrono::milliseconds silence{5'000};
  /// How often CAF says that it is there. At each of these moments it also ends connections that it has begun and not heard
  /// of yet, however young (endpoint_context::last_seen is 0 until then), so this is a good deal longer than a round trip.
  static constexpr std::chrono::milliseconds heartbeat{2'000};

 private:
  const node_tls tls_;
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
};

}  // namespace systole
