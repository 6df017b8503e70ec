#include "actors/wire/peer_links.h"

#include <charconv>
#include <random>
#include <utility>
#include <vector>

#include "base/hexadecimal.h"
#include "base/limits.h"

namespace systole {
namespace {

constexpr std::string_view identity_prefix = "worker ";

void append_word(std::string& out, uint64_t value) {
  for (int shift = 60; shift >= 0; shift -= 4) out.push_back(hex_digits[(value >> shift) & 15]);
}

}  // namespace

std::string identity_text(incarnation_id which) {
  std::string made(identity_prefix);
  append_word(made, which.high);
  append_word(made, which.low);
  return made;
}

std::optional<incarnation_id> parse_identity(const std::string& text) {
  if (!text.starts_with(identity_prefix) || text.size() != identity_prefix.size() + 32) return std::nullopt;
  const auto part = [&](size_t at, uint64_t& into) {
    const char* const from = text.data() + identity_prefix.size() + at;
    const auto [end, error] = std::from_chars(from, from + 16, into, 16);
    return error == std::errc() && end == from + 16;
  };
  incarnation_id made;
  if (!part(0, made.high) || !part(16, made.low)) return std::nullopt;
  return made;
}

incarnation_id random_incarnation() {
  std::random_device source;
  const auto word = [&] { return (static_cast<uint64_t>(source()) << 32) | source(); };
  return {word(), word()};
}

peer_links::peer_links(node_actor::pointer self, std::function<void(incarnation_id)> lost)
    : self_(self), lost_(std::move(lost)) {}

void peer_links::add(incarnation_id who, const wire_actor& gate) {
  const auto known = peers_.find(who);
  if (known != peers_.end() && known->second.gate == gate) return;
  remove(who);
  self_->monitor(gate);
  peers_.emplace(who, peer{gate, spawn_link(self_->system(), gate, limits::link_bytes)});
}

void peer_links::greet(incarnation_id who, const std::string& identity, const gate_actor& gate) {
  if (const link_actor* link = find(who))
    self_->send(*link, outgoing_hello{identity, caf::actor_cast<caf::strong_actor_ptr>(gate)});
}

const link_actor* peer_links::find(incarnation_id who) const {
  const auto found = peers_.find(who);
  return found == peers_.end() ? nullptr : &found->second.link;
}

void peer_links::send(incarnation_id who, envelope kind, std::string bytes) const {
  if (const link_actor* link = find(who)) self_->send(*link, outgoing_bytes{kind, std::move(bytes)});
}

void peer_links::remove(incarnation_id who) {
  const auto found = peers_.find(who);
  if (found == peers_.end()) return;
  self_->demonitor(found->second.gate.address());
  self_->send(found->second.link, end_actor{});
  peers_.erase(found);
}

void peer_links::end() {
  while (!peers_.empty()) remove(peers_.begin()->first);
}

bool peer_links::on_down(const caf::actor_addr& gone) {
  // One process may be known by two incarnations: it was given up, and has registered anew.
  std::vector<incarnation_id> lost;
  for (const auto& [who, each] : peers_)
    if (each.gate.address() == gone) lost.push_back(who);
  for (const incarnation_id& who : lost) remove(who);
  for (const incarnation_id& who : lost) lost_(who);
  return !lost.empty();
}

}  // namespace systole
