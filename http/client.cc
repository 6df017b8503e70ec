#include "http/client.h"

#include "base/limits.h"
#include "http/client_exchange.h"
#include "http/event_reader.h"

namespace systole {
namespace {

std::string header_lines(const http_client_options& options, const std::string& body, const char* accept) {
  std::string made = "Connection: close\r\nAccept: " + std::string(accept) + "\r\n";
  if (!options.token.empty()) made += "Authorization: Bearer " + options.token + "\r\n";
  if (!body.empty()) made += "Content-Type: application/json\r\n";
  return made;
}

}  // namespace

result<http_response> http_call(const http_client_options& options, const std::string& method,
                                const std::string& target, std::string body) {
  client_exchange exchange(options);
  SYSTOLE_TRY(exchange.open());
  SYSTOLE_TRY(
      exchange.send(method, target, header_lines(options, body, "application/json"), body, limits::http_answer_bytes));
  SYSTOLE_TRY(exchange.read_head());
  SYSTOLE_TRY(exchange.read_body());
  return exchange.take();
}

result<http_response> http_events(const http_client_options& options, const std::string& target,
                         const std::function<bool(std::string_view name, std::string_view data)>& on_event) {
  client_exchange exchange(options);
  SYSTOLE_TRY(exchange.open());
  SYSTOLE_TRY(
      exchange.send("GET", target, header_lines(options, {}, "text/event-stream"), {}, limits::http_answer_bytes));
  exchange.take_without_limit();
  SYSTOLE_TRY(exchange.read_head());
  if (!exchange.is_event_stream()) {
    SYSTOLE_TRY(exchange.read_body());
    return exchange.take();
  }
  event_reader events(limits::http_events_bytes * 2);
  for (;;) {
    SYSTOLE_ASSIGN(const std::string some, exchange.read_some(std::chrono::milliseconds(limits::http_idle_ms)));
    if (some.empty()) return exchange.take();
    SYSTOLE_ASSIGN(const bool more, events.take(some, on_event));
    if (!more) return exchange.take();
  }
}

http_client::http_client(http_client_options options) : options_(std::move(options)) {}
http_client::~http_client() = default;

result<http_response> http_client::call(const http_message& message) {
  // A server closes what is idle: it may do so while our request is on its way.
  const auto now = std::chrono::steady_clock::now();
  if (open_ && now - used_ > std::chrono::milliseconds(limits::http_reuse_ms)) open_.reset();
  std::unique_ptr<client_exchange> exchange = std::move(open_);
  if (!exchange) {
    exchange = std::make_unique<client_exchange>(options_);
    SYSTOLE_TRY(exchange->open());
  }
  std::string headers;
  for (const auto& [name, value] : message.headers) headers += name + ": " + value + "\r\n";
  SYSTOLE_TRY(exchange->send(message.method, message.target, headers, message.body, message.most_answer_bytes));
  SYSTOLE_TRY(exchange->read_head());
  SYSTOLE_TRY(exchange->read_body());
  http_response answer = exchange->take();
  if (exchange->reusable()) {
    open_ = std::move(exchange);
    used_ = std::chrono::steady_clock::now();
  }
  return answer;
}

}  // namespace systole
