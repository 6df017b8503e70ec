#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>

namespace systole::testing {

/// A client that sends what no proper client would: bytes over a connection to 127.0.0.1. What does not come within ten
/// seconds does not come.
class raw_client {
 public:
  explicit raw_client(uint16_t port, int receive_buffer = 0)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_buffer > 0) ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) std::abort();
  }
  ~raw_client() { ::close(socket_); }
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;

  /// False where the server took no more.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(count));
    }
    return true;
  }
  void finish() { ::shutdown(socket_, SHUT_WR); }

  /// Some bytes; empty at the end (or where none came in time: at_end() tells).
  std::string receive_some() {
    pollfd wait{socket_, POLLIN, 0};
    char buffer[64 * 1024];
    if (::poll(&wait, 1, 10'000) <= 0) return {};
    const ssize_t count = ::recv(socket_, buffer, sizeof buffer, 0);
    if (count <= 0) ended_ = true;
    return count <= 0 ? std::string() : std::string(buffer, static_cast<size_t>(count));
  }
  /// One answer with a Content-Length: head and body.
  std::string receive_answer() {
    while (true) {
      const size_t head = received_.find("\r\n\r\n");
      const size_t length = received_.find("Content-Length: ");
      if (head != std::string::npos && length != std::string::npos && length < head) {
        const size_t whole = head + 4 + std::strtoul(received_.c_str() + length + 16, nullptr, 10);
        if (received_.size() >= whole) {
          std::string answer = received_.substr(0, whole);
          received_.erase(0, whole);
          return answer;
        }
      }
      const std::string more = receive_some();
      if (more.empty()) return received_;
      received_ += more;
    }
  }
  /// All until the server closes.
  std::string receive_all() {
    for (std::string more = receive_some(); !more.empty(); more = receive_some()) received_ += more;
    return std::move(received_);
  }
  bool ended() const { return ended_; }

 private:
  int socket_;
  std::string received_;
  bool ended_ = false;
};

}  // namespace systole::testing
