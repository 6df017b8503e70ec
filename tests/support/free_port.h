#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <stdexcept>

namespace systole::testing {

/// A loopback port for a server that is about to start. Below the range from which the system takes the ports of outgoing
/// connections and of servers that ask for any: those could have it before the server does. Each process gives out a hundred
/// of its own, one after the other, so that none comes twice. Any thread.
inline uint16_t free_port() {
  static std::atomic<uint32_t> next{0};
  const uint32_t first = 20'000 + static_cast<uint32_t>(::getpid()) % 120 * 100;
  for (int tries = 0; tries < 100; ++tries) {
    const auto port = static_cast<uint16_t>(first + next++ % 100);
    const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool free = ::bind(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(made);
    if (free) return port;
  }
  throw std::runtime_error("no free port");
}

}  // namespace systole::testing
