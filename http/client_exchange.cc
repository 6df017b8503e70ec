#include "http/client_exchange.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/ssl/error.hpp>

#include "base/ascii.h"
#include "base/limits.h"
#include "http/tls.h"

namespace systole {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using std::chrono::steady_clock;

client_exchange::client_exchange(const http_client_options& options) : options_(options) {
  deadline_ = steady_clock::now() + options.patience;
}

result<void> client_exchange::open() {
  SYSTOLE_ASSIGN(url_, parse_url(options_.url));
  if (url_.secure) {
    SYSTOLE_ASSIGN(secure_, make_tls_client_context(options_.certificate_authority));
  }
  SYSTOLE_TRY(connect());
  auto met = wait(
      [this](auto then) { bytes_->handshake([then](boost::system::error_code problem, size_t) { then(problem); }); });
  // Not something that passes by itself.
  if (const std::string why = bytes_->distrust(); !met && !why.empty())
    return fail(error_code::invalid_argument, options_.url + ": certificate verify failed: " + why);
  return met;
}

result<void> client_exchange::send(const std::string& method, const std::string& target, const std::string& headers,
                                   std::string_view body, uint64_t most_answer_bytes) {
  deadline_ = steady_clock::now() + options_.patience;
  most_answer_bytes_ = most_answer_bytes;
  sent_all_ = false;
  parser_.emplace();
  parser_->header_limit(limits::http_head_bytes);
  parser_->body_limit(most_answer_bytes);
  parser_->eager(true);
  if (method == "HEAD") parser_->skip(true);
  std::string head =
      method + " " + target + " HTTP/1.1\r\nHost: " + authority_of(url_) + "\r\nUser-Agent: systole\r\n" + headers;
  if (!body.empty() || method == "POST" || method == "PUT")
    head += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  head += "\r\n";
  auto wrote = write(head);
  if (wrote && !body.empty()) wrote = write(body);
  // A server may answer and close before it has read all: what it said is worth more than that it closed.
  if (!wrote) return read_head() ? result<void>() : wrote;
  sent_all_ = true;
  return {};
}

result<void> client_exchange::write(std::string_view bytes) {
  while (!bytes.empty()) {
    size_t count = 0;
    SYSTOLE_TRY(wait([&](auto then) {
      bytes_->write_some(asio::buffer(bytes.data(), bytes.size()),
                         [then, &count](boost::system::error_code problem, size_t written) {
                           count = written;
                           then(problem);
                         });
    }));
    bytes.remove_prefix(count);
  }
  return {};
}

result<void> client_exchange::read_head() {
  while (!parser_->is_header_done()) SYSTOLE_TRY(read());
  return {};
}

result<void> client_exchange::read_body() {
  while (!parser_->is_done()) SYSTOLE_TRY(read());
  return {};
}

result<std::string> client_exchange::read_some(std::chrono::milliseconds patience) {
  deadline_ = steady_clock::now() + patience;
  auto& body = parser_->get().body();
  while (body.empty() && !parser_->is_done()) SYSTOLE_TRY(read());
  return std::exchange(body, {});
}

void client_exchange::take_without_limit() { parser_->body_limit(boost::none); }

http_response client_exchange::take() {
  auto& message = parser_->get();
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

bool client_exchange::is_event_stream() const {
  const auto type = parser_->get()[http::field::content_type];
  return parser_->get().result_int() == 200 && type.starts_with("text/event-stream");
}

bool client_exchange::reusable() const {
  return sent_all_ && parser_ && parser_->is_done() && parser_->keep_alive() && input_.size() == 0;
}

failure client_exchange::unavailable(const std::string& why) const {
  return fail(error_code::unavailable, options_.url + ": " + why);
}

/// Runs one asynchronous step to its end or to the deadline, after which the connection is closed.
result<void> client_exchange::wait(const step& begin) {
  std::optional<boost::system::error_code> outcome;
  begin([&outcome](boost::system::error_code problem) { outcome = problem; });
  loop_.restart();
  while (!outcome && loop_.run_one_until(deadline_) > 0) {}
  if (outcome && !*outcome) return {};
  const std::string why = outcome ? outcome->message() : "no answer in time";
  if (!outcome) give_up();
  return unavailable(why);
}

void client_exchange::give_up() {
  boost::system::error_code ignored;  // it is closed, whatever is said
  resolver_.cancel();
  if (bytes_) bytes_->socket().close(ignored);
  else socket_.close(ignored);
  loop_.restart();
  loop_.run();  // what refers to this object ends here
}

result<void> client_exchange::connect() {
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

result<void> client_exchange::read() {
  boost::system::error_code ended;
  size_t count = 0;
  SYSTOLE_TRY(wait([&](auto then) {
    bytes_->read_some(input_.prepare(64 * limits::kibibyte), [&, then](boost::system::error_code problem, size_t size) {
      count = size;
      ended = problem;
      then(problem == asio::error::eof || problem == asio::ssl::error::stream_truncated ? boost::system::error_code()
                                                                                        : problem);
    });
  }));
  boost::system::error_code problem;
  if (ended) {
    // Without a length the connection's end is the body's; TLS has to say so, else it may be cut.
    if (ended == asio::error::eof && parser_->is_header_done()) parser_->put_eof(problem);
    if (problem || !parser_->is_done()) return unavailable("the connection ended before the answer did");
    return {};
  }
  input_.commit(count);
  input_.consume(parser_->put(input_.data(), problem));
  if (problem == http::error::body_limit || problem == http::error::header_limit)
    return fail(error_code::limit_exceeded,
                options_.url + ": the answer has more than " + std::to_string(most_answer_bytes_) + " bytes");
  if (problem && problem != http::error::need_more) return unavailable("not an HTTP answer: " + problem.message());
  return {};
}

}  // namespace systole
