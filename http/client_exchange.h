#pragma once

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/client.h"
#include "http/target.h"
#include "http/transport.h"

namespace systole {

/// A client's connection, and the one request that is under way on it. Each call blocks until its part is done or the
/// deadline has come; after a failure the connection is of no use. One thread.
class client_exchange {
 public:
  explicit client_exchange(const http_client_options& options);

  /// Connects, within the options' patience, which counts anew for each request.
  result<void> open();
  /// Sends a request: `headers` are whole lines, after Host and before the blank one. An answer that comes before all
  /// was sent is read instead.
  result<void> send(const std::string& method, const std::string& target, const std::string& headers,
                    std::string_view body, uint64_t most_answer_bytes);
  /// Reads until the head is there; then until all is.
  result<void> read_head();
  result<void> read_body();
  /// Some bytes of a body without an end; empty at its end.
  result<std::string> read_some(std::chrono::milliseconds patience);
  /// Of a body without an end: what was read counts no more.
  void take_without_limit();
  http_response take();
  bool is_event_stream() const;
  /// True once a whole answer was read after a whole request, and the peer keeps the connection.
  bool reusable() const;
  const http_url& url() const { return url_; }

 private:
  using answer_parser = boost::beast::http::response_parser<boost::beast::http::string_body>;
  using step = std::function<void(std::function<void(boost::system::error_code)> then)>;

  failure unavailable(const std::string& why) const;
  result<void> wait(const step& begin);
  void give_up();
  result<void> connect();
  result<void> write(std::string_view bytes);
  result<void> read();

  const http_client_options& options_;
  http_url url_;
  std::chrono::steady_clock::time_point deadline_;
  boost::asio::io_context loop_{1};
  std::unique_ptr<boost::asio::ssl::context> secure_;
  boost::asio::ip::tcp::resolver resolver_{loop_};
  boost::asio::ip::tcp::socket socket_{loop_};
  std::unique_ptr<transport> bytes_;
  boost::beast::flat_buffer input_;
  std::optional<answer_parser> parser_;
  uint64_t most_answer_bytes_ = 0;
  bool sent_all_ = false;
};

}  // namespace systole
