#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer_pool.h"
#include "base/result.h"
#include "base/tcp_connection.h"
#include "kafka/client_options.h"
#include "kafka/compression.h"
#include "kafka/protocol.h"
#include "kafka/tls.h"

namespace systole {

/// Ends the waits of all connections that know it, for ever. set() may be called by any thread.
class kafka_interrupt {
 public:
  kafka_interrupt();
  ~kafka_interrupt();
  kafka_interrupt(const kafka_interrupt&) = delete;
  kafka_interrupt& operator=(const kafka_interrupt&) = delete;
  void set();
  int fd() const { return fd_; }

 private:
  int fd_;
};

/// An answer to one request.
struct kafka_answer {
  kafka_block whole;
  std::string_view body() const { return {whole.bytes.get() + head, whole.size - head}; }
  static constexpr size_t head = 4;  ///< the correlation's number
};

/// A connection to one broker, over TLS and with a user where the options say so. Each call blocks until it is done, its
/// time is over, or it is interrupted. `unavailable`: it broke, and another may come about; `invalid_argument`: the broker
/// keeps this client out, the text says why and what to do (refusal_text.h); `incompatible`: it is too old. After a failure
/// it is of no use. One thread, of a process that ignores SIGPIPE.
class kafka_connection {
 public:
  /// `options` and `interrupt` stay until its end. `tls`: with encrypted ones.
  static result<std::unique_ptr<kafka_connection>> open(const kafka_client_options& options, const kafka_tls* tls,
                                                        const kafka_client_options::address& broker,
                                                        const kafka_interrupt& interrupt);
  /// Sends a request and gives its answer, for which the broker may take `longer` than the options' answer_time.
  result<kafka_answer> ask(const kafka_api& api, std::string_view body, buffer_pool& pool, std::chrono::milliseconds longer = {});
  /// The two halves of it: one request may be under way. Its body in pieces, which are not copied.
  result<void> send(const kafka_api& api, const std::vector<std::string_view>& body);
  result<kafka_answer> receive(buffer_pool& pool, std::chrono::milliseconds longer = {});

 private:
  using time_point = std::chrono::steady_clock::time_point;
  kafka_connection(const kafka_client_options& options, const kafka_client_options::address& broker, const kafka_interrupt& interrupt,
                   tcp_connection socket);
  result<void> shake_hands(const kafka_tls& tls);
  result<void> log_in();
  result<std::string> authenticate(std::string_view message);
  result<void> write(std::string_view bytes, bool more, time_point until);
  result<void> read(char* into, size_t size, time_point until);
  /// Of a large answer, has the thread sleep until many bytes are there rather than a packet's.
  void wake_at(size_t bytes);
  /// What is to be waited for before the call that gave `outcome` is made again.
  result<void> wait_for(int outcome, time_point until);
  failure broke(const std::string& how) const;

  const kafka_client_options& options_;
  std::string where_, host_;
  const kafka_interrupt& interrupt_;
  tcp_connection socket_;
  kafka_tls::session tls_;
  buffer_pool small_;
  int32_t correlation_ = 0;
  const char* asked_ = "";  ///< the name of the last request
  int awaited_bytes_ = 1;
};

}  // namespace systole
