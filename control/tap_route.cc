// GET /api/v1/jobs/{job}/tap: rows of a step as server-sent events, for operators where the cluster allows it.
#include <charconv>
#include <utility>

#include "base/log.h"
#include "control/rest_routes.h"
#include "formats/utf8_check.h"

namespace systole {
namespace {

/// As JSON. Data of an event is one line each, which json_text's objects are not.
std::string quoted(std::string_view text) { return json_text().text(text).take(); }

/// Writes what a tap gives as events: row, sampled, end. Who looked, and at how much, is logged; no row is.
class event_writer final : public tap_listener {
 public:
  event_writer(std::shared_ptr<event_stream> stream, std::string told)
      : stream_(std::move(stream)), told_(std::move(told)) {}
  ~event_writer() override {
    if (!ended_) log_line(log_level::info, "api", told_ + ": ends: nobody listens any more; " + counts());
  }

  bool row(std::string_view json) override { return stream_->send("row", json); }
  bool sampled(uint64_t passed, uint64_t shown) override {
    passed_ = passed;
    shown_ = shown;
    return stream_->send("sampled",
                         "{\"passed\":" + std::to_string(passed) + ",\"shown\":" + std::to_string(shown) + "}");
  }
  void ended(tap_end why, const std::string& message) override {
    stream_->send("end", "{\"reason\":" + quoted(name_of(why)) + ",\"message\":" + quoted(message) + "}");
    stream_->close();
    ended_ = true;
    log_line(log_level::info, "api", told_ + ": ends: " + message + "; " + counts());
  }

 private:
  std::string counts() const { return std::to_string(shown_) + " of " + std::to_string(passed_) + " rows were shown"; }

  const std::shared_ptr<event_stream> stream_;
  const std::string told_;
  uint64_t passed_ = 0, shown_ = 0;
  bool ended_ = false;
};

result<uint32_t> read_number(const http_request& request, const std::string& name, uint32_t otherwise, uint32_t most) {
  const auto found = request.query.find(name);
  if (found == request.query.end()) return otherwise;
  const std::string& text = found->second;
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0 || number > most)
    return fail(error_code::invalid_argument, name + " is a number from 1 to " + std::to_string(most));
  return number;
}

result<tap_request> read_tap_request(const http_request& request) {
  tap_request made;
  const auto step = request.query.find("step");
  if (step == request.query.end() || step->second.empty())
    return fail(error_code::invalid_argument, "say which step: ?step=NAME");
  if (step->second.size() > limits::api_name_bytes || !is_utf8(step->second))
    return fail(error_code::invalid_argument, "step is too long, or no text");
  made.step = step->second;
  SYSTOLE_ASSIGN(made.rows, read_number(request, "rows", made.rows, limits::tap_rows));
  SYSTOLE_ASSIGN(const uint32_t seconds,
                 read_number(request, "seconds", static_cast<uint32_t>(made.time.count()), limits::tap_seconds));
  made.time = std::chrono::seconds(seconds);
  return made;
}

http_response stream_of(tap_opening opening, std::string told) {
  http_response made;
  made.content_type = "text/event-stream";
  made.headers["Cache-Control"] = "no-store";
  made.events = [begin = std::move(opening.begin), told = std::move(told)](std::shared_ptr<event_stream> stream) {
    begin(std::make_shared<event_writer>(std::move(stream), told));
  };
  return made;
}

}  // namespace

void get_tap(rest_call call) {
  auto request = read_tap_request(call.request);
  if (!request) return answer_failure(call.cluster, request.error(), call.answer);
  call.cluster.tap(call.job, std::move(*request),
                   [&cluster = call.cluster, answer = call.answer, caller = call.caller](result<tap_opening> opened) {
                     if (!opened) return answer_failure(cluster, opened.error(), answer);
                     std::string told = caller + ": taps step " + opened->step + " of job " + opened->job;
                     log_line(log_level::info, "api", told);
                     answer(stream_of(std::move(*opened), std::move(told)));
                   });
}

}  // namespace systole
