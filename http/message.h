#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace systole {

/// A request as a handler sees it: whole, within limits::http_body_bytes.
struct http_request {
  std::string method;                          ///< upper case
  std::string path;                            ///< decoded, without the query; begins with /
  std::map<std::string, std::string> query;    ///< decoded; of a repeated name the last
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
  std::string peer;  ///< the client's address, for the log
};

/// Where a handler sends server-sent events; kept for as long as it has some. Thread-safe. What a slow client does not
/// take within limits::http_events_bytes is dropped, and the client is told how many events were.
class event_stream {
 public:
  virtual ~event_stream() = default;
  /// One event with a name and a text of any lines. False once the client is gone.
  virtual bool send(std::string_view name, std::string_view data) = 0;
  virtual void close() = 0;
};

struct http_response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::map<std::string, std::string> headers;  ///< besides type and length
  /// Set for a stream of server-sent events instead of a body: called once the head is sent, on the server's thread.
  std::function<void(std::shared_ptr<event_stream>)> events;
};

/// An answer that is an error: {"error": {"code", "message"}}.
http_response http_error(unsigned status, std::string_view code, std::string_view message);

/// Answers a request: `answer` is called once, on any thread, at once or later. The handler runs on the
/// server's thread and must not block. An answer that is dropped uncalled is a 500.
using http_answer = std::function<void(http_response)>;
using http_handler = std::function<void(http_request request, http_answer answer)>;

}  // namespace systole
