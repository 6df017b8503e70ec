#include "http/client.h"

#include <utility>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>

#include "base/ascii.h"
#include "base/limits.h"
#include "http/event_reader.h"
#include "http/target.h"
#include "http/tls.h"
#include "http/transport.h"

namespace systole {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using std::chrono::steady_clock;

/// One connection for one request. Each call blocks until its part is done or the deadline has come.
class http_exchange {
 public:
  explicit http_exchange(const http_client_options& options) : options_(options) {
    deadline_ = steady_clock::now() + options.patience;
    parser_.header_limit(limits::http_head_bytes);
    parser_.body_limit(limits::http_answer_bytes);
    parser_.eager(true);
  }

  result<void> open() {
    SYSTOLE_ASSIGN(url_, parse_url(options_.url));
    if (url_.secure) {
      SYSTOLE_ASSIGN(secure_, make_tls_client_context(options_.certificate_authority));
    }
    SYSTOLE_TRY(connect());
    return wait(
        [this](auto then) { bytes_->handshake([then](boost::system::error_code problem, size_t) { then(problem); }); });
  }

  result<void> send(const std::string& method, const std::string& target, const std::string& body, const char* accept) {
    const std::string host = url_.host.find(':') == std::string::npos ? url_.host : "[" + url_.host + "]";
    output_ = method + " " + target + " HTTP/1.1\r\nHost: " + host + ":" + std::to_string(url_.port) +
              "\r\nUser-Agent: systole\r\nConnection: close\r\nAccept: " + accept + "\r\n";
    if (!options_.token.empty()) output_ += "Authorization: Bearer " + options_.token + "\r\n";
    if (!body.empty()) output_ += "Content-Type: application/json\r\n";
    if (!body.empty() || method == "POST" || method == "PUT")
      output_ += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    output_ += "\r\n" + body;
    if (method == "HEAD") parser_.skip(true);
    size_t sent = 0;
    while (sent < output_.size()) {
      size_t count = 0;
      const auto wrote = wait([&](auto then) {
        bytes_->write_some(asio::buffer(output_.data() + sent, output_.size() - sent),
                           [then, &count](boost::system::error_code problem, size_t written) {
                             count = written;
                             then(problem);
                           });
      });
      if (!wrote) return read_early(wrote.error());
      sent += count;
    }
    return {};
  }

  /// Reads until the head is there; then until all is.
  result<void> read_head() {
    while (!parser_.is_header_done()) SYSTOLE_TRY(read());
    return {};
  }
  result<void> read_body() {
    while (!parser_.is_done()) SYSTOLE_TRY(read());
    return {};
  }

  /// Some bytes of a body without an end; empty at its end.
  result<std::string> read_some(std::chrono::milliseconds patience) {
    deadline_ = steady_clock::now() + patience;
    auto& body = parser_.get().body();
    while (body.empty() && !parser_.is_done()) SYSTOLE_TRY(read());
    return std::exchange(body, {});
  }
  /// Of a body without an end: what was read counts no more.
  void take_without_limit() { parser_.body_limit(boost::none); }

  http_response take() {
    auto& message = parser_.get();
    http_response made;
    made.status = message.result_int();
    made.content_type.clear();
    for (const auto& field : message) {
      std::string name = field.name_string().to_string();
      for (char& c : name) c = ascii::lower(c);
      made.headers[name] = field.value().to_string();
      if (name == "content-type") made.content_type = field.value().to_string();
    }
    made.body = std::move(message.body());
    return made;
  }
  unsigned status() const { return parser_.get().result_int(); }

 private:
  failure unavailable(const std::string& why) const { return fail(error_code::unavailable, options_.url + ": " + why); }

  /// Runs one asynchronous step to its end or to the deadline, after which the connection is closed.
  template <class Begin>
  result<void> wait(Begin begin) {
    std::optional<boost::system::error_code> outcome;
    begin([&outcome](boost::system::error_code problem) { outcome = problem; });
    loop_.restart();
    while (!outcome && loop_.run_one_until(deadline_) > 0) {}
    if (outcome && !*outcome) return {};
    const std::string why = outcome ? outcome->message() : "no answer in time";
    if (!outcome) give_up();
    return unavailable(why);
  }

  void give_up() {
    boost::system::error_code ignored;  // it is closed, whatever is said
    resolver_.cancel();
    if (bytes_) bytes_->socket().close(ignored);
    else socket_.close(ignored);
    loop_.restart();
    loop_.run();  // what refers to this object ends here
  }

  result<void> connect() {
    tcp::resolver::results_type found;
    SYSTOLE_TRY(wait([&](auto then) {
      resolver_.async_resolve(url_.host, std::to_string(url_.port), tcp::resolver::numeric_service,
                              [then, &found](boost::system::error_code problem, tcp::resolver::results_type all) {
                                found = std::move(all);
                                then(problem);
                              });
    }));
    SYSTOLE_TRY(wait([&](auto then) {
      asio::async_connect(socket_, found,
                          [then](boost::system::error_code problem, const tcp::endpoint&) { then(problem); });
    }));
    boost::system::error_code ignored;  // it works without, slower
    socket_.set_option(tcp::no_delay(true), ignored);
    bytes_ = secure_ ? make_tls_client_transport(std::move(socket_), *secure_, url_.host)
                     : make_plain_transport(std::move(socket_));
    return {};
  }

  result<void> read() {
    boost::system::error_code ended;
    size_t count = 0;
    const auto got = wait([&](auto then) {
      bytes_->read_some(input_.prepare(64 * limits::kibibyte), [&, then](boost::system::error_code problem,
                                                                         size_t size) {
        count = size;
        ended = problem;
        then(problem == asio::error::eof || problem == asio::ssl::error::stream_truncated ? boost::system::error_code()
                                                                                          : problem);
      });
    });
    SYSTOLE_TRY(got);
    boost::system::error_code problem;
    if (ended) {
      // Without a length the connection's end is the body's; TLS has to say so, else it may be cut.
      if (ended == asio::error::eof && parser_.is_header_done()) parser_.put_eof(problem);
      if (problem || !parser_.is_done()) return unavailable("the connection ended before the answer did");
      return {};
    }
    input_.commit(count);
    input_.consume(parser_.put(input_.data(), problem));
    if (problem == http::error::body_limit || problem == http::error::header_limit)
      return fail(error_code::limit_exceeded,
                  options_.url + ": the answer has more than " + std::to_string(limits::http_answer_bytes) + " bytes");
    if (problem && problem != http::error::need_more) return unavailable("not an HTTP answer: " + problem.message());
    return {};
  }

  /// A server may answer and close before it has read all: what it said is worth more than that it closed.
  result<void> read_early(const failure& otherwise) {
    if (read_head()) return {};
    return otherwise;
  }

  const http_client_options& options_;
  http_url url_;
  steady_clock::time_point deadline_;
  asio::io_context loop_{1};
  std::unique_ptr<asio::ssl::context> secure_;
  tcp::resolver resolver_{loop_};
  tcp::socket socket_{loop_};
  std::unique_ptr<transport> bytes_;
  std::string output_;
  boost::beast::flat_buffer input_;
  http::response_parser<http::string_body> parser_;
};

}  // namespace

result<http_response> http_call(const http_client_options& options, const std::string& method,
                                const std::string& target, std::string body) {
  http_exchange exchange(options);
  SYSTOLE_TRY(exchange.open());
  SYSTOLE_TRY(exchange.send(method, target, body, "application/json"));
  SYSTOLE_TRY(exchange.read_head());
  SYSTOLE_TRY(exchange.read_body());
  return exchange.take();
}

result<void> http_events(const http_client_options& options, const std::string& target,
                         const std::function<bool(std::string_view name, std::string_view data)>& on_event) {
  http_exchange exchange(options);
  SYSTOLE_TRY(exchange.open());
  SYSTOLE_TRY(exchange.send("GET", target, {}, "text/event-stream"));
  exchange.take_without_limit();
  SYSTOLE_TRY(exchange.read_head());
  if (exchange.status() != 200) {
    SYSTOLE_TRY(exchange.read_body());
    const http_response refused = exchange.take();
    return fail(refused.status == 401 || refused.status == 403 ? error_code::unavailable : error_code::invalid_argument,
                options.url + " answered " + std::to_string(refused.status) + ": " + refused.body);
  }
  event_reader events(limits::http_events_bytes * 2);
  for (;;) {
    SYSTOLE_ASSIGN(const std::string some, exchange.read_some(std::chrono::milliseconds(limits::http_idle_ms)));
    if (some.empty()) return {};
    SYSTOLE_ASSIGN(const bool more, events.take(some, on_event));
    if (!more) return {};
  }
}

}  // namespace systole
