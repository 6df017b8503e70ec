#include "base/tcp_connection.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace systole {
namespace {

/// errno's value, 0 on success.
int try_connect(const tcp_connection& socket, const addrinfo& at, std::chrono::milliseconds patience,
                int interrupt) {
  if (socket.fd() < 0) return errno;
  if (::connect(socket.fd(), at.ai_addr, at.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  if (!socket.wait(false, std::chrono::steady_clock::now() + patience, interrupt)) return ETIMEDOUT;
  int outcome = 0;
  socklen_t length = sizeof outcome;
  if (::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &outcome, &length) != 0) return errno;
  return outcome;
}

}  // namespace

tcp_connection::~tcp_connection() {
  if (fd_ >= 0) ::close(fd_);
}

bool tcp_connection::wait(bool reading, std::chrono::steady_clock::time_point until, int interrupt) const {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd waiting[]{{fd_, static_cast<short>(reading ? POLLIN : POLLOUT), 0}, {interrupt, POLLIN, 0}};
    const int ready = ::poll(waiting, 2, static_cast<int>(std::max<int64_t>(left.count(), 0)));
    if (ready > 0) return waiting[1].revents == 0;
    if (ready == 0 || errno != EINTR) return false;
  }
}

result<tcp_connection> connect_tcp(const std::string& host, uint16_t port, std::chrono::milliseconds patience,
                                   int interrupt) {
  const std::string where = host + ":" + std::to_string(port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int problem = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); problem != 0)
    return fail(error_code::unavailable, "cannot find the host of " + where + ": " + ::gai_strerror(problem));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, ::freeaddrinfo);
  int problem = EADDRNOTAVAIL;
  for (const addrinfo* each = all.get(); each != nullptr; each = each->ai_next) {
    tcp_connection made(::socket(each->ai_family, each->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, each->ai_protocol));
    if (problem = try_connect(made, *each, patience, interrupt); problem == 0) return made;
  }
  return fail(error_code::unavailable, "cannot connect to " + where + ": " + std::strerror(problem));
}

}  // namespace systole
