#include "cutting_proxy.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <string_view>
#include <vector>

namespace systole::testing {
namespace {

constexpr int poll_ms = 20;

int unix_socket(const std::string& folder, sockaddr_un& address) {
  const std::string path = folder + "/.s.PGSQL.5432";
  address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return ::socket(AF_UNIX, SOCK_STREAM, 0);
}

bool send_all(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

}  // namespace

cutting_proxy::cutting_proxy(std::string folder, std::string server_folder)
    : folder_(std::move(folder)), server_folder_(std::move(server_folder)) {
  sockaddr_un address;
  listening_ = unix_socket(folder_, address);
  ::bind(listening_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::listen(listening_, 8);
  thread_ = std::thread([this] { serve(); });
}

cutting_proxy::~cutting_proxy() {
  ending_ = true;
  thread_.join();
  ::close(listening_);
}

void cutting_proxy::serve() {
  while (!ending_) {
    pollfd watched{listening_, POLLIN, 0};
    if (::poll(&watched, 1, poll_ms) <= 0) continue;
    const int client = ::accept(listening_, nullptr, nullptr);
    sockaddr_un address;
    const int server = unix_socket(server_folder_, address);
    if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) carry(client, server);
    ::close(client);
    ::close(server);
  }
}

/// One client at a time: a sink has one connection.
void cutting_proxy::carry(int client, int server) {
  std::vector<char> bytes(1 << 16);
  bool cutting = false;
  while (!ending_) {
    pollfd watched[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    if (::poll(watched, 2, poll_ms) <= 0) continue;
    if (watched[0].revents != 0) {
      const ssize_t got = ::recv(client, bytes.data(), bytes.size(), 0);
      if (got <= 0) return;
      const std::string_view piece(bytes.data(), static_cast<size_t>(got));
      const cut wanted = cut_;
      if (wanted != cut::nothing && piece.find(std::string_view("COMMIT\0", 7)) != std::string_view::npos && let_pass_-- <= 0) {
        cut_ = cut::nothing;
        ++cuts_;
        if (wanted == cut::before_commit) return;
        cutting = true;
      }
      if (!send_all(server, piece)) return;
    }
    if (watched[1].revents != 0) {
      const ssize_t got = ::recv(server, bytes.data(), bytes.size(), 0);
      if (got <= 0 || cutting) return;
      if (!send_all(client, {bytes.data(), static_cast<size_t>(got)})) return;
    }
  }
}

}  // namespace systole::testing
