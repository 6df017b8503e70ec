// GET /api/v1/jobs/{job}/deadletter: what a job has rejected, and with `records=true`, for operators, the records
// themselves.
#include <charconv>

#include "base/limits.h"
#include "base/log.h"
#include "control/rest_routes.h"
#include "formats/base64.h"
#include "formats/utf8_check.h"

namespace systole {
namespace {

constexpr uint32_t entries_by_default = 100;

struct dead_letter_request {
  dead_letter_query query;
  bool records = false;
};

json_text& write_optional(json_text& to, const std::string& text) {
  return text.empty() ? to.raw("null") : to.text(text);
}

json_text& write_optional(json_text& to, const std::optional<int64_t>& number) {
  return number ? to.number(*number) : to.raw("null");
}

/// What comes of the record itself: an expression's message may quote it, too.
void write_record(json_text& to, const dead_letter_entry& entry) {
  write_optional(to.key("reason"), entry.reason);
  write_optional(to.key("eventTime"), entry.event_time);
  const bool is_text = entry.raw && is_utf8(*entry.raw);
  if (is_text) to.key("raw").text(*entry.raw);
  else to.key("raw").raw("null");
  if (entry.raw && !is_text) to.key("rawBase64").text(to_base64(*entry.raw));
  else to.key("rawBase64").raw("null");
}

http_response told_page(const std::string& job, const dead_letter_page& page, bool records) {
  json_text body;
  body.open_object().key("job").text(job).key("sink").text(page.sink);
  body.key("entries").open_array();
  for (const dead_letter_entry& each : page.entries) {
    body.open_object().key("id").text(each.id).key("step").text(each.step).key("rule").text(each.rule);
    write_optional(body.key("sqlstate"), each.sqlstate);
    write_optional(body.key("source"), each.source);
    write_optional(body.key("topic"), each.topic);
    write_optional(body.key("partition"), each.partition);
    write_optional(body.key("offset"), each.offset);
    if (records) write_record(body, each);
    body.close_object();
  }
  body.close_array();
  write_optional(body.key("next"), page.next);
  body.close_object();
  return json_response(200, std::move(body));
}

result<dead_letter_request> read_dead_letter_request(const std::map<std::string, std::string>& query) {
  dead_letter_request made;
  made.query.most = entries_by_default;
  for (const auto& [name, into] :
       {std::pair("after", &made.query.after), {"step", &made.query.step}, {"rule", &made.query.rule}})
    if (const auto found = query.find(name); found != query.end()) {
      if (found->second.size() > limits::api_path_bytes || !is_utf8(found->second))
        return fail(error_code::invalid_argument, std::string(name) + " is too long, or no text");
      *into = found->second;
    }
  if (const auto found = query.find("records"); found != query.end()) {
    if (found->second != "true" && found->second != "false")
      return fail(error_code::invalid_argument, "records is true or false");
    made.records = found->second == "true";
  }
  const auto found = query.find("limit");
  if (found == query.end()) return made;
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), made.query.most);
  if (error != std::errc() || end != text.data() + text.size() || made.query.most == 0 ||
      made.query.most > dead_letter_query::most_allowed)
    return fail(error_code::invalid_argument,
                "limit is a number from 1 to " + std::to_string(dead_letter_query::most_allowed));
  return made;
}

}  // namespace

void get_dead_letter(rest_call call) {
  auto request = read_dead_letter_request(call.request.query);
  if (!request) return answer_failure(call.cluster, request.error(), call.answer);
  const bool records = request->records;
  if (records && call.role < api_role::operator_)
    return call.answer(http_error(403, "forbidden", "records are patients' data: this needs a token of role operator"));
  if (records) log_line(log_level::info, "api", call.caller + ": reads records of the dead letter of job " + call.job);
  call.cluster.dead_letter(call.job, std::move(request->query),
                           answer_with<dead_letter_page>(call, [job = call.job, records](const dead_letter_page& page) {
                             return told_page(job, page, records);
                           }));
}

}  // namespace systole
