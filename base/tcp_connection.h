#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "base/result.h"

namespace systole {

/// A connection's descriptor, non-blocking; closed with it.
class tcp_connection {
 public:
  explicit tcp_connection(int fd) : fd_(fd) {}
  tcp_connection(tcp_connection&& from) noexcept : fd_(std::exchange(from.fd_, -1)) {}
  tcp_connection& operator=(tcp_connection&&) = delete;
  ~tcp_connection();

  int fd() const { return fd_; }
  /// Waits until there is something to read (else: until there is room to write). False where there is not by `until`, and
  /// at once when `interrupt`, another descriptor, can be read.
  bool wait(bool reading, std::chrono::steady_clock::time_point until, int interrupt = -1) const;

 private:
  int fd_;
};

/// Connects to host:port. Blocks for at most `patience` an address, name lookup apart, or until `interrupt` can be read.
/// `unavailable`, with the address, otherwise.
result<tcp_connection> connect_tcp(const std::string& host, uint16_t port, std::chrono::milliseconds patience,
                                   int interrupt = -1);

}  // namespace systole
