#include "base/tcp_probe.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace systole {
namespace {

struct descriptor {
  int fd = -1;
  ~descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

/// errno's value, 0 on success.
int try_connect(const addrinfo& at, std::chrono::milliseconds patience) {
  const descriptor socket{::socket(at.ai_family, at.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, at.ai_protocol)};
  if (socket.fd < 0) return errno;
  if (::connect(socket.fd, at.ai_addr, at.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd waiting{socket.fd, POLLOUT, 0};
  const int ready = ::poll(&waiting, 1, static_cast<int>(patience.count()));
  if (ready < 0) return errno;
  if (ready == 0) return ETIMEDOUT;
  int outcome = 0;
  socklen_t length = sizeof outcome;
  if (::getsockopt(socket.fd, SOL_SOCKET, SO_ERROR, &outcome, &length) != 0) return errno;
  return outcome;
}

}  // namespace

result<void> probe_tcp(const std::string& host, uint16_t port, std::chrono::milliseconds patience) {
  const std::string where = host + ":" + std::to_string(port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int problem = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); problem != 0)
    return fail(error_code::unavailable, "cannot find the host of " + where + ": " + ::gai_strerror(problem));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, ::freeaddrinfo);
  int problem = EADDRNOTAVAIL;
  for (const addrinfo* each = all.get(); each != nullptr; each = each->ai_next)
    if (problem = try_connect(*each, patience); problem == 0) return {};
  return fail(error_code::unavailable, "cannot connect to " + where + ": " + std::strerror(problem));
}

}  // namespace systole
