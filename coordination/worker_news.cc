#include "coordination/worker_news.h"

#include <algorithm>
#include <utility>

#include "proto/news.pb.h"

namespace systole {
namespace {

constexpr std::string_view magic = "NEWS1";  // 'N' is no tag of Protobuf

void write(proto::StepFigures& to, const step_figures& from) {
  to.set_step(from.step);
  to.set_records_in(from.in);
  to.set_records_out(from.out);
  to.set_rejected(from.rejected);
  to.set_late(from.late);
  to.set_busy_ns(static_cast<uint64_t>(from.busy.count()));
  to.set_backpressured_ns(static_cast<uint64_t>(from.backpressured.count()));
  to.set_has_watermark(from.watermark.has_value());
  to.set_watermark_us(from.watermark.value_or(0));
  to.set_state_bytes(from.state_bytes);
  to.set_queue_bytes(from.queue_bytes);
  to.set_has_lag(from.lag_records.has_value());
  to.set_lag_records(from.lag_records.value_or(0));
}

step_figures read(const proto::StepFigures& from) {
  step_figures made;
  made.step = from.step();
  made.in = from.records_in();
  made.out = from.records_out();
  made.rejected = from.rejected();
  made.late = from.late();
  made.busy = std::chrono::nanoseconds(from.busy_ns());
  made.backpressured = std::chrono::nanoseconds(from.backpressured_ns());
  if (from.has_watermark()) made.watermark = from.watermark_us();
  made.state_bytes = from.state_bytes();
  made.queue_bytes = from.queue_bytes();
  if (from.has_lag()) made.lag_records = from.lag_records();
  return made;
}

}  // namespace

void add_figures(step_figures& to, const step_figures& more) {
  to.in += more.in;
  to.out += more.out;
  to.rejected += more.rejected;
  to.late += more.late;
  to.busy += more.busy;
  to.backpressured += more.backpressured;
  if (more.watermark) to.watermark = std::min(to.watermark.value_or(*more.watermark), *more.watermark);
  to.state_bytes += more.state_bytes;
  to.queue_bytes += more.queue_bytes;
  if (more.lag_records) to.lag_records = to.lag_records.value_or(0) + *more.lag_records;
}

std::string encode(const worker_news& what) {
  proto::WorkerNews made;
  made.set_name(what.name);
  made.set_process_high(what.process.high);
  made.set_process_low(what.process.low);
  for (const auto& [job, steps] : what.jobs) {
    proto::JobFigures& figures = *made.add_jobs();
    figures.set_job(job.value);
    for (const step_figures& each : steps) write(*figures.add_steps(), each);
  }
  for (const logged_line& each : what.lines) {
    proto::LogLine& line = *made.add_lines();
    line.set_sequence(each.sequence);
    line.set_at_us(each.at_us);
    line.set_level(static_cast<uint32_t>(each.level));
    line.set_text(each.text);
  }
  return std::string(magic) + made.SerializeAsString();
}

bool is_worker_news(std::string_view bytes) { return bytes.starts_with(magic); }

result<worker_news> decode_worker_news(std::string_view bytes) {
  proto::WorkerNews from;
  bytes.remove_prefix(std::min(magic.size(), bytes.size()));
  if (!from.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return fail(error_code::corrupt, "a worker's news have an unknown form");
  worker_news made;
  made.name = from.name();
  made.process = {from.process_high(), from.process_low()};
  for (const proto::JobFigures& each : from.jobs()) {
    std::vector<step_figures>& steps = made.jobs[job_id(each.job())];
    for (const proto::StepFigures& step : each.steps()) steps.push_back(read(step));
  }
  for (const proto::LogLine& each : from.lines()) {
    if (made.lines.size() == worker_news::most_lines) break;
    const uint32_t level = std::min(each.level(), static_cast<uint32_t>(log_level::error));
    made.lines.push_back(
        {each.sequence(), each.at_us(), static_cast<log_level>(level), each.text().substr(0, logged_line_bytes)});
  }
  return made;
}

}  // namespace systole
