#pragma once

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "http/event_queue.h"
#include "http/message.h"
#include "http/server.h"
#include "http/transport.h"

namespace systole {

class connection;

/// What the connections of a server share. Used on its thread, but for the loop, to which any thread may post.
struct server_state {
  http_server_limits limits;
  http_handler handler;
  /// Weak, as what waits in the loop has this; locked by those who post to it from other threads.
  std::weak_ptr<boost::asio::io_context> loop;
  size_t answers_under_way = 0;
  std::set<std::shared_ptr<connection>> open;
};

/// One client's connection: reads a request, has it answered, writes the answer, and so on. Requests that a client
/// sends ahead wait in its socket. Each step has a deadline: a client that does not keep it is cut off. On the server's
/// thread; in server_state::open until it is closed.
class connection final : public std::enable_shared_from_this<connection> {
 public:
  connection(std::shared_ptr<server_state> server, std::unique_ptr<transport> bytes, std::string peer);
  ~connection();
  void start();
  /// Tells the client that there are too many, and closes.
  void refuse();
  void close();

 private:
  using parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  enum class phase : uint8_t { opening, idle, receiving, answering, writing, events, lingering };
  enum class afterwards : uint8_t { next_request, linger, close };

  void set_deadline(std::chrono::milliseconds from_now);
  void on_deadline();
  void begin_request();
  void read_more();
  void parse();
  void on_request();
  void on_bad_request(boost::system::error_code problem);
  void hand_over(http_request request);
  void respond(http_response response, afterwards then);
  void write(std::string bytes, std::function<void()> then);
  void write_on(std::function<void()> then);
  void linger();
  void drain();
  void begin_events(const std::function<void(std::shared_ptr<event_stream>)>& begin);
  void watch_for_end();
  void write_events();
  void close_after_events();
  void ping_later();

  std::shared_ptr<server_state> server_;
  std::unique_ptr<transport> bytes_;
  std::string peer_;
  boost::asio::steady_timer deadline_;
  boost::asio::steady_timer ping_;
  boost::beast::flat_buffer input_;
  std::optional<parser> parser_;
  phase phase_ = phase::opening;
  bool told_to_continue_ = false;
  bool counted_ = false;    ///< in server_->answers_under_way
  bool head_only_ = false;  ///< HEAD: the answer is without its body
  bool closed_ = false;
  std::string output_;
  size_t written_ = 0;
  std::shared_ptr<event_queue> events_;
  bool writing_events_ = false;
  char discarded_[4096];
};

}  // namespace systole
