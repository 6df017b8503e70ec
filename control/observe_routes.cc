// What the cluster's processes tell of themselves: figures of a job's steps, and log lines.
#include <algorithm>
#include <charconv>
#include <cstdio>

#include "control/api_values.h"
#include "control/rest_routes.h"
#include "expr/text/utf8.h"

namespace systole {
namespace {

constexpr uint32_t lines_by_default = 200;

void write_real(json_text& to, double number) {
  char text[64];
  std::snprintf(text, sizeof text, "%.6f", number);
  to.raw(text);
}

void write_time_spent(json_text& to, std::chrono::nanoseconds time) {
  write_real(to, std::chrono::duration<double>(time).count());
}

void write_step(json_text& to, const step_activity& from) {
  const step_figures& step = from.so_far;
  to.open_object();
  to.key("step").text(step.step);
  write_count(to.key("recordsIn"), step.in);
  write_count(to.key("recordsOut"), step.out);
  write_real(to.key("recordsInPerSecond"), from.now.in);
  write_real(to.key("recordsOutPerSecond"), from.now.out);
  write_count(to.key("rejected"), step.rejected);
  write_count(to.key("late"), step.late);
  write_time_spent(to.key("busySeconds"), step.busy);
  write_time_spent(to.key("backpressuredSeconds"), step.backpressured);
  write_real(to.key("busyPerSecond"), from.now.busy);
  write_real(to.key("backpressuredPerSecond"), from.now.backpressured);
  to.key("watermark");
  if (step.watermark) write_moment(to, *step.watermark);
  else to.raw("null");
  write_count(to.key("stateBytes"), step.state_bytes);
  write_count(to.key("queueBytes"), step.queue_bytes);
  to.key("lagRecords");
  if (step.lag_records) write_count(to, *step.lag_records);
  else to.raw("null");
  to.close_object();
}

http_response told_figures(const job_figures& from) {
  json_text body;
  body.open_object().key("job").text(from.job).key("state").text(from.state);
  write_moment(body.key("at"), from.at_us);
  body.key("workers").number(from.workers);
  body.key("steps").open_array();
  for (const step_activity& each : from.steps) write_step(body, each);
  body.close_array().close_object();
  return json_response(200, std::move(body));
}

/// A line may have bytes of a path, or end within a character where it was cut; JSON is UTF-8.
std::string as_utf8(std::string text) {
  for (size_t at = 0; (at = invalid_utf8(text)) != text.npos;) text[at] = '?';
  return text;
}

http_response told_lines(const std::vector<process_line>& from) {
  json_text body;
  body.open_object().key("lines").open_array();
  for (const process_line& each : from) {
    body.open_object().key("process").text(as_utf8(each.process));
    write_count(body.key("sequence"), each.what.sequence);
    write_moment(body.key("at"), each.what.at_us);
    body.key("level").text(name_of(each.what.level)).key("text").text(as_utf8(each.what.text));
    body.close_object();
  }
  body.close_array().close_object();
  return json_response(200, std::move(body));
}

result<log_query> read_log_query(const std::map<std::string, std::string>& query) {
  log_query made;
  made.most = lines_by_default;
  if (const auto found = query.find("process"); found != query.end()) made.process = found->second;
  const auto found = query.find("lines");
  if (found == query.end()) return made;
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), made.most);
  if (error != std::errc() || end != text.data() + text.size() || made.most == 0 || made.most > log_query::most_allowed)
    return fail(error_code::invalid_argument, "lines is a number from 1 to " + std::to_string(log_query::most_allowed));
  return made;
}

}  // namespace

void get_steps(rest_call call) { call.cluster.figures(call.job, answer_with<job_figures>(call, told_figures)); }

void get_logs(rest_call call) {
  auto query = read_log_query(call.request.query);
  if (!query) return answer_failure(call.cluster, query.error(), call.answer);
  call.cluster.logs(std::move(query).value(), answer_with<std::vector<process_line>>(call, told_lines));
}

}  // namespace systole
