#include "http/connection.h"

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/beast/http/status.hpp>
#include <ctime>

#include "base/ascii.h"
#include "base/log.h"
#include "http/target.h"

namespace systole {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

constexpr size_t read_bytes = 16 * limits::kibibyte;

/// Calls back at most once, on the server's thread; a 500 where nobody called it.
class pending_answer {
 public:
  pending_answer(std::shared_ptr<asio::io_context> loop, std::function<void(http_response)> then)
      : loop_(std::move(loop)), then_(std::move(then)) {}
  ~pending_answer() {
    if (!called_.test_and_set()) post(http_error(500, "internal", "the request was not answered"));
  }
  void call(http_response response) {
    if (!called_.test_and_set()) post(std::move(response));
  }

 private:
  void post(http_response response) {
    asio::post(*loop_,
               [then = std::move(then_), response = std::move(response)]() mutable { then(std::move(response)); });
  }
  std::shared_ptr<asio::io_context> loop_;
  std::function<void(http_response)> then_;
  std::atomic_flag called_;
};

std::string date_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[64];
  const size_t length = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return std::string(text, length);
}

void append_header(std::string& head, std::string_view name, std::string_view value) {
  head += name;
  head += ": ";
  for (const char c : value)
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) head.push_back(c);  // no header ends another
  head += "\r\n";
}

std::string head_of(const http_response& response) {
  const auto reason = http::obsolete_reason(http::int_to_status(response.status));
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
  head.append(reason.data(), reason.size());
  head += "\r\n";
  append_header(head, "Date", date_now());
  if (!response.content_type.empty()) append_header(head, "Content-Type", response.content_type);
  append_header(head, "X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : response.headers) append_header(head, name, value);
  return head;
}

std::string lower_case(boost::beast::string_view name) {
  std::string out(name);
  for (char& c : out) c = ascii::lower(c);
  return out;
}

}  // namespace

connection::connection(std::shared_ptr<server_state> server, std::unique_ptr<transport> bytes, std::string peer)
    : server_(std::move(server)),
      bytes_(std::move(bytes)),
      peer_(std::move(peer)),
      deadline_(bytes_->socket().get_executor()),
      ping_(bytes_->socket().get_executor()) {}

connection::~connection() {
  if (counted_) --server_->answers_under_way;
}

void connection::start() {
  server_->open.insert(shared_from_this());
  set_deadline(server_->limits.idle);
  bytes_->handshake([self = shared_from_this()](boost::system::error_code problem, size_t) {
    if (self->closed_) return;
    if (!problem) return self->begin_request();
    log_line(log_level::info, "http", "TLS with " + self->peer_ + " failed: " + problem.message());
    self->close();
  });
}

void connection::refuse() {
  server_->open.insert(shared_from_this());
  respond(http_error(503, "unavailable", "too many connections: try again later"), afterwards::linger);
}

void connection::close() {
  if (closed_) return;
  closed_ = true;
  const auto self = shared_from_this();
  server_->open.erase(self);
  boost::system::error_code ignored;  // it is closed, whatever is said
  bytes_->socket().close(ignored);
  deadline_.cancel();
  ping_.cancel();
  if (events_) events_->on_client_gone();
}

void connection::set_deadline(std::chrono::milliseconds from_now) {
  deadline_.expires_after(from_now);
  deadline_.async_wait([self = shared_from_this()](boost::system::error_code cancelled) {
    if (!cancelled && self->deadline_.expiry() <= asio::steady_timer::clock_type::now()) self->on_deadline();
  });
}

void connection::on_deadline() {
  if (closed_) return;
  if (phase_ != phase::receiving) return close();
  respond(http_error(408, "timeout", "the request did not arrive in time"), afterwards::close);
}

void connection::begin_request() {
  parser_.emplace();
  parser_->eager(true);
  parser_->header_limit(static_cast<uint32_t>(server_->limits.head_bytes));
  parser_->body_limit(server_->limits.body_bytes);
  told_to_continue_ = false;
  phase_ = phase::idle;
  if (input_.size() > 0) return parse();
  set_deadline(server_->limits.idle);
  read_more();
}

void connection::read_more() {
  const auto took = [self = shared_from_this()](boost::system::error_code problem, size_t count) {
    if (self->closed_ || self->phase_ > phase::receiving) return;  // the deadline was sooner
    if (problem) return self->close();
    self->input_.commit(count);
    self->parse();
  };
  bytes_->read_some(input_.prepare(read_bytes), took);
}

void connection::parse() {
  if (phase_ == phase::idle) {
    phase_ = phase::receiving;
    set_deadline(server_->limits.request);
  }
  boost::system::error_code problem;
  input_.consume(parser_->put(input_.data(), problem));
  if (problem && problem != http::error::need_more) return on_bad_request(problem);
  if (parser_->is_done()) return on_request();
  if (parser_->is_header_done() && !told_to_continue_) {
    told_to_continue_ = true;
    if (boost::beast::iequals(parser_->get()[http::field::expect], "100-continue"))
      return write("HTTP/1.1 100 Continue\r\n\r\n", [this] {
        phase_ = phase::receiving;
        set_deadline(server_->limits.request);
        read_more();
      });
  }
  read_more();
}

void connection::on_bad_request(boost::system::error_code problem) {
  head_only_ = false;
  const std::string most_head = std::to_string(server_->limits.head_bytes);
  const std::string most_body = std::to_string(server_->limits.body_bytes);
  if (problem == http::error::header_limit)
    respond(http_error(431, "limit_exceeded", "the request's head has more than " + most_head + " bytes"),
            afterwards::linger);
  else if (problem == http::error::body_limit)
    respond(http_error(413, "limit_exceeded", "the request's body has more than " + most_body + " bytes"),
            afterwards::linger);
  else respond(http_error(400, "invalid_argument", "not an HTTP request: " + problem.message()), afterwards::linger);
}

void connection::on_request() {
  auto& message = parser_->get();
  head_only_ = message.method() == http::verb::head;
  auto target = parse_target(std::string_view(message.target().data(), message.target().size()));
  if (!target)
    return respond(http_error(400, "invalid_argument", "the request's target is not a path with a query"),
                   afterwards::linger);
  if (message.version() >= 11 && message.find(http::field::host) == message.end())
    return respond(http_error(400, "invalid_argument", "the request has no Host header"), afterwards::linger);
  http_request request;
  request.method = message.method_string().to_string();
  request.path = std::move(target->path);
  request.query = std::move(target->query);
  for (const auto& field : message) {
    std::string& value = request.headers[lower_case(field.name_string())];
    if (!value.empty()) value += ", ";
    value += field.value().to_string();
  }
  request.body = std::move(message.body());
  request.peer = peer_;
  if (server_->answers_under_way >= server_->limits.answers) {
    http_response busy = http_error(503, "unavailable", "too many requests are under way: try again later");
    busy.headers["Retry-After"] = "1";
    return respond(std::move(busy), parser_->keep_alive() ? afterwards::next_request : afterwards::linger);
  }
  hand_over(std::move(request));
}

void connection::hand_over(http_request request) {
  phase_ = phase::answering;
  deadline_.cancel();
  counted_ = true;
  ++server_->answers_under_way;
  const auto answered = [weak = weak_from_this()](http_response response) {
    const auto self = weak.lock();
    if (!self || self->closed_) return;
    self->counted_ = false;
    --self->server_->answers_under_way;
    const bool keep_alive = self->parser_->keep_alive();
    self->respond(std::move(response), keep_alive ? afterwards::next_request : afterwards::linger);
  };
  const auto pending = std::make_shared<pending_answer>(server_->loop.lock(), answered);
  const std::string what = request.method + " " + request.path;
  try {
    server_->handler(std::move(request), [pending](http_response response) { pending->call(std::move(response)); });
  } catch (const std::exception& problem) {
    log_line(log_level::error, "http", what + " failed with an exception: " + typeid(problem).name());
    pending->call(http_error(500, "internal", "the request failed; the server's log says more"));
  }
}

void connection::respond(http_response response, afterwards then) {
  std::string bytes = head_of(response);
  if (response.events && !head_only_) {
    append_header(bytes, "Cache-Control", "no-cache");
    append_header(bytes, "Connection", "close");
    return write(bytes + "\r\n", [this, begin = std::move(response.events)] { begin_events(begin); });
  }
  const bool has_body = response.status != 204 && response.status != 304;
  if (has_body) append_header(bytes, "Content-Length", std::to_string(response.body.size()));
  append_header(bytes, "Connection", then == afterwards::next_request ? "keep-alive" : "close");
  bytes += "\r\n";
  if (has_body && !head_only_) bytes += response.body;
  write(std::move(bytes), [this, then] {
    if (then == afterwards::next_request) begin_request();
    else if (then == afterwards::linger) linger();
    else close();
  });
}

void connection::write(std::string bytes, std::function<void()> then) {
  phase_ = phase::writing;
  output_ = std::move(bytes);
  written_ = 0;
  write_on(std::move(then));
}

void connection::write_on(std::function<void()> then) {
  set_deadline(server_->limits.idle);
  const auto wrote = [self = shared_from_this(), then = std::move(then)](boost::system::error_code problem,
                                                                         size_t count) {
    if (self->closed_) return;
    if (problem) return self->close();
    self->written_ += count;
    if (self->written_ < self->output_.size()) return self->write_on(then);
    self->output_ = {};
    self->deadline_.cancel();
    then();
  };
  bytes_->write_some(asio::buffer(output_.data() + written_, output_.size() - written_), wrote);
}

void connection::linger() {
  phase_ = phase::lingering;
  set_deadline(server_->limits.linger);
  bytes_->finish([self = shared_from_this()](boost::system::error_code, size_t) { self->drain(); });
}

void connection::drain() {
  if (closed_) return;
  // What the client still sends is taken, as a reset would lose it the answer.
  bytes_->socket().async_read_some(asio::buffer(discarded_),
                                   [self = shared_from_this()](boost::system::error_code problem, size_t) {
                                     if (problem) self->close();
                                     else self->drain();
                                   });
}

}  // namespace systole
