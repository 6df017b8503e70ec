#include "tests/s3/faulty_proxy.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <stdexcept>

namespace systole::testing {
namespace {

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

void send_all(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // it has gone, as it may
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

/// Head and body by Content-Length; empty where the client goes away before.
std::string read_request(int from) {
  std::string bytes;
  char buffer[64 << 10];
  size_t whole = std::string::npos;
  while (bytes.size() < whole) {
    const ssize_t got = ::recv(from, buffer, sizeof buffer, 0);
    if (got <= 0) return {};
    bytes.append(buffer, static_cast<size_t>(got));
    const size_t head = bytes.find("\r\n\r\n");
    if (whole != std::string::npos || head == std::string::npos) continue;
    const size_t length = bytes.find("Content-Length: ");
    whole = head + 4 + (length < head ? std::strtoull(bytes.c_str() + length + 16, nullptr, 10) : 0);
  }
  return bytes;
}

/// "DELETE uploadId": method and names of parameters.
std::string kind_of(const std::string& request) {
  const size_t blank = request.find(' '), end = request.find(' ', blank + 1);
  std::string kind = request.substr(0, blank);
  size_t at = request.find('?', blank);
  while (at < end) {
    kind += " " + request.substr(at + 1, request.find_first_of("=& ", at + 1) - at - 1);
    at = request.find('&', at + 1);
  }
  return kind;
}

std::string error_answer(const char* status, const char* code) {
  const std::string body = std::string("<?xml version=\"1.0\"?><Error><Code>") + code + "</Code></Error>";
  return std::string("HTTP/1.1 ") + status +
         "\r\nContent-Type: application/xml\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

}  // namespace

faulty_proxy::faulty_proxy(uint16_t service_port, uint64_t seed) : service_port_(service_port), random_(seed) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    throw std::runtime_error("no port for the proxy");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

faulty_proxy::~faulty_proxy() {
  ends_ = true;
  thread_.join();
  for (std::thread& each : connections_) each.join();
  ::close(listener_);
}

void faulty_proxy::serve() {
  while (!ends_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (::poll(&waiting, 1, 20) <= 0) continue;
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client >= 0) connections_.emplace_back([this, client] { handle(client); });
  }
}

void faulty_proxy::refuse(std::string method, std::string part_of_target) {
  const std::lock_guard lock(mutex_);
  refused_method_ = std::move(method);
  refused_part_ = std::move(part_of_target);
}

fault faulty_proxy::deal() {
  if (deck_.empty()) {
    for (size_t i = 1; i < static_cast<size_t>(fault::count); ++i) deck_.insert(deck_.end(), 4, static_cast<fault>(i));
    // An answer for which nobody waits any more costs a test much time: one of four.
    int late = 0;
    for (fault& each : deck_)
      if (each == fault::reply_late && late++ > 0) each = fault::reply_lost;
    std::shuffle(deck_.begin(), deck_.end(), random_);
  }
  const fault dealt = deck_.back();
  deck_.pop_back();
  return dealt;
}

fault faulty_proxy::choose(const std::string& request) {
  const std::lock_guard lock(mutex_);
  ++seen_[kind_of(request)];
  fault chosen = fault::none;
  const std::string line = request.substr(0, request.find('\r'));
  if (!refused_method_.empty() && line.starts_with(refused_method_) && line.find(refused_part_) != std::string::npos)
    chosen = fault::error_before;
  else if (random_() % 1000 < per_thousand_)
    chosen = deal();
  const bool conditional = request.find("if-none-match") < request.find("\r\n\r\n");
  if (chosen == fault::conflict && !conditional) chosen = fault::error_before;
  ++injected_[static_cast<size_t>(chosen)];
  return chosen;
}

std::string faulty_proxy::forward(const std::string& request) const {
  std::string sent = request;
  sent.insert(sent.find("\r\n") + 2, "Connection: close\r\n");
  const int service = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(service_port_);
  std::string answer;
  if (::connect(service, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    send_all(service, sent);
    char buffer[64 << 10];
    for (ssize_t got; (got = ::recv(service, buffer, sizeof buffer, 0)) > 0;)
      answer.append(buffer, static_cast<size_t>(got));
  }
  ::close(service);
  if (lies_ && answer.starts_with("HTTP/1.1 412"))
    answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
  return answer;
}

void faulty_proxy::handle(int client) {
  const std::string request = read_request(client);
  const fault what = request.empty() ? fault::refused : choose(request);
  // Sleeps on purpose: being late is the fault.
  const auto pause = [this] { std::this_thread::sleep_for(std::chrono::milliseconds(late_ms_)); };
  switch (what) {
    case fault::refused: break;
    case fault::error_before: send_all(client, error_answer("503 Slow Down", "SlowDown")); break;
    case fault::conflict: send_all(client, error_answer("409 Conflict", "ConditionalRequestConflict")); break;
    case fault::error_after:
      forward(request);
      send_all(client, error_answer("500 Internal Server Error", "InternalError"));
      break;
    case fault::reply_lost: forward(request); break;
    case fault::reply_cut: {
      const std::string answer = forward(request);
      send_all(client, std::string_view(answer).substr(0, answer.size() / 2));
      break;
    }
    case fault::reply_late: {
      const std::string answer = forward(request);
      pause();
      send_all(client, answer);
      break;
    }
    case fault::sent_twice:
      forward(request);
      send_all(client, forward(request));
      break;
    case fault::carried_out_late:
      ::shutdown(client, SHUT_RDWR);
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      forward(request);
      break;
    case fault::none:
    case fault::count: send_all(client, forward(request)); break;
  }
  ::shutdown(client, SHUT_RDWR);
  ::close(client);
}

std::array<uint64_t, static_cast<size_t>(fault::count)> faulty_proxy::injected() const {
  const std::lock_guard lock(mutex_);
  return injected_;
}

std::map<std::string, int> faulty_proxy::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

}  // namespace systole::testing
