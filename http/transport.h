#pragma once

#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <memory>
#include <string>

namespace systole {

/// Bytes over a connection, plain or through TLS: what is above it is compiled once for both. One thread. Each call's
/// `done` comes later, once; at most one read and one write at a time. The owner keeps it until all have come.
class transport {
 public:
  using done = std::function<void(boost::system::error_code problem, size_t bytes)>;
  virtual ~transport() = default;
  virtual boost::asio::ip::tcp::socket& socket() = 0;
  /// First of all; at once where there is none.
  virtual void handshake(done then) = 0;
  /// Why the peer's certificate was not accepted; empty where it was, and where there is none.
  virtual std::string distrust() const { return {}; }
  virtual void read_some(boost::asio::mutable_buffer into, done then) = 0;
  /// Some of the bytes, which stay where they are until then.
  virtual void write_some(boost::asio::const_buffer from, done then) = 0;
  /// Says that no more comes from here (TLS: close_notify). The peer's last bytes may be read from the socket then.
  virtual void finish(done then) = 0;
};

std::unique_ptr<transport> make_plain_transport(boost::asio::ip::tcp::socket socket);
std::unique_ptr<transport> make_tls_server_transport(boost::asio::ip::tcp::socket socket,
                                                     boost::asio::ssl::context& with);
/// Checks that the certificate is `host`'s: a name or an address.
std::unique_ptr<transport> make_tls_client_transport(boost::asio::ip::tcp::socket socket,
                                                     boost::asio::ssl::context& with, const std::string& host);

}  // namespace systole
