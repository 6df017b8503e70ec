#include "http/transport.h"

#include <boost/asio/post.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>

namespace systole {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

class plain_transport final : public transport {
 public:
  explicit plain_transport(tcp::socket socket) : socket_(std::move(socket)) {}
  tcp::socket& socket() override { return socket_; }
  void handshake(done then) override {
    asio::post(socket_.get_executor(), [then = std::move(then)] { then({}, 0); });
  }
  void read_some(asio::mutable_buffer into, done then) override { socket_.async_read_some(into, std::move(then)); }
  void write_some(asio::const_buffer from, done then) override { socket_.async_write_some(from, std::move(then)); }
  void finish(done then) override {
    boost::system::error_code problem;
    socket_.shutdown(tcp::socket::shutdown_send, problem);
    asio::post(socket_.get_executor(), [then = std::move(then), problem] { then(problem, 0); });
  }

 private:
  tcp::socket socket_;
};

class tls_transport final : public transport {
 public:
  using stream = asio::ssl::stream<tcp::socket>;
  tls_transport(tcp::socket socket, asio::ssl::context& with, stream::handshake_type side)
      : stream_(std::move(socket), with), side_(side) {}
  tcp::socket& socket() override { return stream_.next_layer(); }
  stream& tls() { return stream_; }
  std::string distrust() const override { return distrust_; }
  /// Has the peer show that it is `host`.
  void expect(const std::string& host) {
    boost::system::error_code not_an_address;
    asio::ip::make_address(host, not_an_address);
    if (not_an_address) SSL_set_tlsext_host_name(stream_.native_handle(), host.c_str());
    stream_.set_verify_callback([this, host, is_host = asio::ssl::host_name_verification(host)](
                                    bool trusted, asio::ssl::verify_context& of) {
      if (is_host(trusted, of)) return true;
      const int why = X509_STORE_CTX_get_error(of.native_handle());
      distrust_ = trusted ? "it is not the certificate of " + host : X509_verify_cert_error_string(why);
      return false;
    });
  }
  void handshake(done then) override {
    stream_.async_handshake(side_, [then = std::move(then)](boost::system::error_code problem) { then(problem, 0); });
  }
  void read_some(asio::mutable_buffer into, done then) override { stream_.async_read_some(into, std::move(then)); }
  void write_some(asio::const_buffer from, done then) override { stream_.async_write_some(from, std::move(then)); }
  void finish(done then) override {
    stream_.async_shutdown([this, then = std::move(then)](boost::system::error_code problem) {
      boost::system::error_code ignored;  // it may be closed already
      socket().shutdown(tcp::socket::shutdown_send, ignored);
      then(problem, 0);
    });
  }

 private:
  stream stream_;
  stream::handshake_type side_;
  std::string distrust_;
};

}  // namespace

std::unique_ptr<transport> make_plain_transport(tcp::socket socket) {
  return std::make_unique<plain_transport>(std::move(socket));
}

std::unique_ptr<transport> make_tls_server_transport(tcp::socket socket, asio::ssl::context& with) {
  return std::make_unique<tls_transport>(std::move(socket), with, tls_transport::stream::server);
}

std::unique_ptr<transport> make_tls_client_transport(tcp::socket socket, asio::ssl::context& with,
                                                     const std::string& host) {
  auto made = std::make_unique<tls_transport>(std::move(socket), with, tls_transport::stream::client);
  made->expect(host);
  return made;
}

}  // namespace systole
