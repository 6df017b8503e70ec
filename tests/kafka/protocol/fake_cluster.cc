#include "tests/kafka/protocol/fake_cluster.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "kafka/wire_format.h"

namespace systole::testing {
namespace {

bool read_exactly(int socket, std::string& into, size_t size) {
  into.resize(size);
  for (size_t at = 0; at < size;) {
    const ssize_t had = ::recv(socket, into.data() + at, size - at, 0);
    if (had <= 0) return false;
    at += static_cast<size_t>(had);
  }
  return true;
}

bool write_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t taken = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (taken <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(taken));
  }
  return true;
}

asked_fetch read_fetch(std::string_view body) {
  kafka_reader in(body);
  asked_fetch made;
  in.int32();
  made.max_wait_ms = in.int32();
  made.min_bytes = in.int32();
  made.max_bytes = in.int32();
  made.isolation = in.int8();
  in.int64();  // no session
  for (int32_t topics = in.int32(); topics > 0 && in.ok(); --topics) {
    in.text();
    for (int32_t left = in.int32(); left > 0 && in.ok(); --left) {
      const int32_t number = in.int32();
      in.int32();
      made.partitions.push_back({number, in.int64()});
      in.int64();
      made.partition_bytes = in.int32();
    }
  }
  in.int32();
  made.rack = in.text();
  if (!in.ok() || in.remaining() > 0) throw std::runtime_error("a Fetch that no broker would take");
  return made;
}

}  // namespace

int64_t asked_fetch::offset_of(int32_t number) const {
  const auto found = std::find_if(partitions.begin(), partitions.end(), [&](const partition& each) { return each.number == number; });
  return found == partitions.end() ? -1 : found->offset;
}

fake_cluster::fake_cluster(int32_t nodes) {
  versions = [](int32_t) { return reaction{versions_answer({{1, 0, 11}, {3, 0, 8}, {17, 0, 1}, {18, 0, 3}, {36, 0, 1}})}; };
  metadata = [this](int32_t) { return reaction{leaders.bytes()}; };
  handshake = [](int32_t) { return reaction{std::string("\0\0\0\0\0\0", 6)}; };
  authenticate = [](int32_t) { return reaction{std::string(16, '\0')}; };
  for (int32_t number = 1; number <= nodes; ++number) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), size) != 0 || ::listen(listener, 64) != 0 ||
        ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("no port to listen at");
    listeners_.push_back(listener);
    ports_.push_back(ntohs(address.sin_port));
    leaders.nodes.push_back(node(number));
  }
  for (int32_t number = 1; number <= nodes; ++number)
    acceptors_.emplace_back([this, number, listener = listeners_[static_cast<size_t>(number) - 1]] { accept_all(number, listener); });
}

void fake_cluster::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
    for (const connection& each : connections_) ::shutdown(each.socket, SHUT_RDWR);
  }
  stopping_.notify_all();
  for (const int listener : listeners_) ::shutdown(listener, SHUT_RDWR);
  for (std::thread& each : acceptors_) each.join();
  for (connection& each : connections_) {
    each.thread.join();
    ::close(each.socket);
  }
  for (const int listener : listeners_) ::close(listener);
}

bool fake_cluster::comes_true(const std::function<bool()>& holds) {
  std::unique_lock lock(mutex_);
  return handled_.wait_for(lock, std::chrono::seconds(10), holds);
}

void fake_cluster::accept_all(int32_t node, int listener) {
  while (true) {
    const int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    const std::lock_guard lock(mutex_);
    if (stopped_) {
      ::close(socket);
      return;
    }
    connections_.push_back({socket, std::thread([this, node, socket] { serve(node, socket); })});
  }
}

reaction fake_cluster::react(int32_t node, int16_t key, std::string_view body, int32_t& may_wait_ms) {
  switch (key) {
    case 1: {
      const asked_fetch asked = read_fetch(body);
      may_wait_ms = asked.max_wait_ms;
      return fetch(node, asked);
    }
    case 2: {
      kafka_reader in(body);
      in.skip(4 + 1 + 4);  // who asks, whether of committed records only, topics
      in.text();
      in.int32();
      const int32_t partition = in.int32();
      return offsets(node, partition, in.int64());
    }
    case 3: return metadata(node);
    case 17: return handshake(node);
    case 18: return versions(node);
    case 36: return authenticate(node);
    default: throw std::runtime_error("a request of an unknown kind");
  }
}

void fake_cluster::serve(int32_t node, int socket) {
  std::string head, request;
  while (read_exactly(socket, head, 4) && read_exactly(socket, request, static_cast<size_t>(kafka_reader(head).int32()))) {
    kafka_reader in(request);
    const int16_t key = in.int16();
    in.int16();  // its version
    const int32_t correlation = in.int32();
    in.text();  // the client
    int32_t may_wait_ms = 0;
    reaction made;
    {
      std::unique_lock lock(mutex_);
      made = react(node, key, std::string_view(request).substr(request.size() - in.remaining()), may_wait_ms);
      handled_.notify_all();
      if (made.waits) stopping_.wait_for(lock, std::chrono::milliseconds(may_wait_ms), [this] { return stopped_; });
    }
    if (made.silent) continue;
    std::string answer;
    put(answer, static_cast<int32_t>(4 + made.body.size()));
    put(answer, correlation);
    answer += made.body;
    if (!made.instead.empty()) answer = made.instead;
    if (!write_all(socket, std::string_view(answer).substr(0, made.cut_after))) break;
    if (made.cut_after < answer.size()) break;
  }
  ::shutdown(socket, SHUT_RDWR);
}

void fake_log::add(const std::vector<std::string>& values) {
  std::string batch = values_at(end_, values);
  end_ += static_cast<int64_t>(values.size());
  batches_.emplace_back(end_, std::move(batch));
}

std::string fake_log::from(int64_t offset, size_t batches) const {
  std::string made;
  for (const auto& [behind, bytes] : batches_) {
    if (behind <= offset || batches == 0) continue;
    made += bytes;
    --batches;
  }
  return made;
}

reaction give(const std::vector<fetched_part>& parts) {
  const bool none = std::all_of(parts.begin(), parts.end(), [](const fetched_part& each) { return each.records.empty() && each.error == 0; });
  return {.body = fetch_answer("vitals", parts), .waits = none};
}

}  // namespace systole::testing
