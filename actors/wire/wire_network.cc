#include "actors/wire/wire_network.h"

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <caf/openssl/all.hpp>
#include <charconv>
#include <thread>
#include <utility>

namespace systole {

std::string wire_address::text() const {
  const bool brackets = host.find(':') != std::string::npos;
  return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

result<wire_address> parse_wire_address(const std::string& text) {
  const size_t colon = text.rfind(':');
  wire_address made;
  if (colon != std::string::npos) {
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data() + colon + 1, end, made.port);
    made.host = text.substr(0, colon);
    if (made.host.size() > 2 && made.host.front() == '[' && made.host.back() == ']')
      made.host = made.host.substr(1, made.host.size() - 2);
    if (error == std::errc() && at == end && !made.host.empty() && made.port != 0) return made;
  }
  return fail(error_code::invalid_argument, "write an address as HOST:PORT, not: " + text);
}

wire_network::wire_network(node_tls tls) : tls_(std::move(tls)) {
  config_.load<caf::io::middleman>();
  if (tls_.on()) {
    config_.load<caf::openssl::manager>();
    config_.openssl_certificate = tls_.certificate;
    config_.openssl_key = tls_.key;
    config_.openssl_cafile = tls_.authority;
    watch_handshakes();
  }
  config_.set("scheduler.policy", caf::atom("sharing"));  // idle threads sleep, they do not poll
  config_.set("scheduler.max-threads", std::max<size_t>(std::thread::hardware_concurrency(), 2));
  config_.set("middleman.heartbeat-interval", caf::timespan(heartbeat));
  config_.set("middleman.connection-timeout", caf::timespan(silence));
  system_ = std::make_unique<caf::actor_system>(config_);
}
wire_network::~wire_network() = default;

result<uint16_t> wire_network::publish(const gate_actor& gate, const std::string& address, uint16_t port) {
  const auto published = caf::actor_cast<wire_actor>(gate);
  auto bound = tls_.on() ? caf::openssl::publish(published, port, address.c_str(), true)
                         : system_->middleman().publish(published, port, address.c_str(), true);
  if (!bound)
    return fail(error_code::unavailable, "cannot listen at " + wire_address{address, port}.text() +
                                             ": is another process there, and is it an address of this machine?");
  return *bound;
}

void wire_network::connect(const wire_address& to, std::function<void(result<wire_actor>)> then) {
  const auto look = [to, tls = tls_, then = std::move(then)](caf::blocking_actor* self) {
    const failure nobody = fail(error_code::unavailable, "nobody answers at " + to.text());
    // First by ourselves: the middleman waits in connect() for as long as the system does, and others with it; nor does
    // it tell why there is no connection.
    if (const auto reached = probe_node(to.host, to.port, tls, connect_patience); !reached)
      return then(reached.error());
    result<wire_actor> found = nobody;
    const caf::io::middleman_actor network =
        tls.on() ? self->system().openssl_manager().actor_handle() : self->system().middleman().actor_handle();
    self->request(network, connect_patience, caf::connect_atom::value, to.host, to.port)
        .receive(
            [&](const caf::node_id&, const caf::strong_actor_ptr& gate, const std::set<std::string>&) {
              if (gate) found = caf::actor_cast<wire_actor>(gate);
            },
            [](const caf::error&) {});
    then(std::move(found));
  };
  system_->spawn<caf::detached>(look);
}

}  // namespace systole
