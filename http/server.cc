#include "http/server.h"

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <thread>

#include "base/log.h"
#include "http/connection.h"
#include "http/tls.h"

namespace systole {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::chrono::milliseconds accept_again{100};  // after a failure: too many open files, mostly

class asio_http_server final : public http_server {
 public:
  asio_http_server(const http_server_options& options, http_handler handler, std::unique_ptr<asio::ssl::context> secure)
      : secure_(std::move(secure)), state_(std::make_shared<server_state>()) {
    state_->limits = options.limits;
    state_->handler = std::move(handler);
    state_->loop = loop_;
  }

  ~asio_http_server() override {
    asio::post(*loop_, [this] { end(); });
    if (thread_.joinable()) thread_.join();
    else loop_->run();
    state_->handler = nullptr;
  }

  result<void> listen(const http_server_options& options) {
    boost::system::error_code problem;
    const auto address = asio::ip::make_address(options.address, problem);
    if (problem)
      return fail(error_code::invalid_argument,
                  "listen on a numeric address such as 127.0.0.1, not: " + options.address);
    const tcp::endpoint where(address, options.port);
    acceptor_.open(where.protocol(), problem);
    if (!problem) acceptor_.set_option(tcp::acceptor::reuse_address(true), problem);
    if (!problem && address.is_v6()) acceptor_.set_option(asio::ip::v6_only(false), problem);
    if (!problem) acceptor_.bind(where, problem);
    if (!problem) acceptor_.listen(tcp::acceptor::max_listen_connections, problem);
    if (problem) {
      const std::string host = address.is_v6() ? "[" + options.address + "]" : options.address;
      return fail(error_code::io,
                  "cannot listen on " + host + ":" + std::to_string(options.port) + ": " + problem.message());
    }
    port_ = acceptor_.local_endpoint().port();
    accept();
    thread_ = std::thread([loop = loop_] { loop->run(); });
    return {};
  }

  uint16_t port() const override { return port_; }

 private:
  void accept() {
    acceptor_.async_accept([this](boost::system::error_code problem, tcp::socket socket) {
      if (!acceptor_.is_open()) return;
      if (!problem) {
        take(std::move(socket));
        return accept();
      }
      log_line(log_level::warning, "http", "cannot accept a connection: " + problem.message());
      pause_.expires_after(accept_again);
      pause_.async_wait([this](boost::system::error_code cancelled) {
        if (!cancelled) accept();
      });
    });
  }

  void take(tcp::socket socket) {
    boost::system::error_code problem;
    const tcp::endpoint from = socket.remote_endpoint(problem);
    if (problem) return;  // it is gone already
    socket.set_option(tcp::no_delay(true), problem);
    const bool full = state_->open.size() >= state_->limits.connections;
    if (full && (secure_ || state_->open.size() >= 2 * state_->limits.connections)) return;  // closes it
    const std::string peer = from.address().to_string() + ":" + std::to_string(from.port());
    auto bytes =
        secure_ ? make_tls_server_transport(std::move(socket), *secure_) : make_plain_transport(std::move(socket));
    const auto made = std::make_shared<connection>(state_, std::move(bytes), peer);
    if (full) made->refuse();
    else made->start();
  }

  void end() {
    boost::system::error_code ignored;  // it is closed, whatever is said
    acceptor_.close(ignored);
    pause_.cancel();
    const auto open = state_->open;
    for (const auto& each : open) each->close();
  }

  std::shared_ptr<asio::io_context> loop_ = std::make_shared<asio::io_context>(1);
  std::unique_ptr<asio::ssl::context> secure_;
  std::shared_ptr<server_state> state_;
  tcp::acceptor acceptor_{*loop_};
  asio::steady_timer pause_{*loop_};
  uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace

result<std::unique_ptr<http_server>> http_server::start(const http_server_options& options, http_handler handler) {
  std::unique_ptr<asio::ssl::context> secure;
  if (options.certificate.empty() != options.key.empty())
    return fail(error_code::invalid_argument, "TLS needs both a certificate and its private key");
  if (!options.certificate.empty()) {
    SYSTOLE_ASSIGN(secure, make_tls_server_context(options.certificate, options.key));
  }
  auto made = std::make_unique<asio_http_server>(options, std::move(handler), std::move(secure));
  SYSTOLE_TRY(made->listen(options));
  return std::unique_ptr<http_server>(std::move(made));
}

}  // namespace systole
