#include "control/metrics_exposition.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <set>

#include "control/listen_address.h"
#include "control/metrics_endpoint.h"

namespace systole::testing {
namespace {

/// A job with all kinds of figures.
process_metrics full(size_t steps) {
  process_metrics made{.version = "9.9"};
  job_metrics job{.job = "beds"};
  for (size_t i = 0; i < steps; ++i) {
    step_metrics step{.step = "step_" + std::to_string(i), .in = 10 + i, .rejected_by_rule = {{"bad\"rule\\\n", 1}},
                      .flagged_by_rule = {{"odd", 2}}, .watermark = 5'000'000};
    step.is_source = i == 0;
    step.is_sink = i + 1 == steps;
    step.has_channels = i > 0;
    if (step.is_source) step.lag_records = 7;
    job.steps.push_back(step);
  }
  made.tasks.push_back(job);
  job_control_metrics control{.job = "beds", .state = "running", .restarts = {{error_code::io, 3}},
                              .started_us = 1, .last_checkpoint_us = 2'500'000};
  control.sinks.push_back({"step_" + std::to_string(steps - 1), {}, 2});
  made.jobs.push_back(control);
  made.worker = worker_metrics{4, 2, 1'000, 2'000};
  return made;
}

bool has_line(const std::string& text, const std::string& line) { return ("\n" + text).find("\n" + line + "\n") != std::string::npos; }

TEST(exposition_test, writes_the_text_format) {
  process_metrics from = full(2);
  from.tasks[0].steps[1].sink_errors = 1;
  from.tasks[0].steps[1].latency.counts[1] = 2;
  from.tasks[0].steps[1].latency.counts[3] = 1;
  from.tasks[0].steps[1].latency.sum_us = 12'000;
  const std::string text = prometheus_text(from, 65'000'000);
  for (const char* line : {
           "systole_build_info{version=\"9.9\"} 1",
           "systole_job_state{job_name=\"beds\",state=\"running\"} 1",
           "systole_job_state{job_name=\"beds\",state=\"failed\"} 0",
           "systole_job_restarts_total{job_name=\"beds\",reason=\"io\"} 3",
           "systole_checkpoint_last_success_timestamp_seconds{job_name=\"beds\"} 2.5",
           "systole_source_event_time_lag_seconds{job_name=\"beds\",step=\"step_0\"} 60",
           "systole_source_lag_records{job_name=\"beds\",step=\"step_0\"} 7",
           "systole_step_records_rejected_total{job_name=\"beds\",step=\"step_0\",rule=\"bad\\\"rule\\\\\\n\"} 1",
           // What the tasks and what the committer counted are one series.
           "systole_sink_errors_total{job_name=\"beds\",step=\"step_1\"} 3",
           "systole_end_to_end_latency_seconds_bucket{job_name=\"beds\",step=\"step_1\",le=\"0.0025\"} 2",
           "systole_end_to_end_latency_seconds_bucket{job_name=\"beds\",step=\"step_1\",le=\"+Inf\"} 3",
           "systole_end_to_end_latency_seconds_count{job_name=\"beds\",step=\"step_1\"} 3",
           "# TYPE systole_checkpoint_duration_seconds histogram"})
    EXPECT_TRUE(has_line(text, line)) << line << "\nis not in\n" << text;
}

TEST(exposition_test, no_metric_is_written_twice) {
  const std::string text = prometheus_text(full(5), 0);
  std::set<std::string> types, series;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    const std::string line = text.substr(at, end - at);
    const bool is_new = line.starts_with("# TYPE") ? types.insert(line).second
                        : line.starts_with("#")    ? true
                                                   : series.insert(line.substr(0, line.rfind(' '))).second;
    EXPECT_TRUE(is_new) << line;
    at = end + 1;
  }
  EXPECT_GT(types.size(), 30u);
}

TEST(exposition_test, takes_less_than_5_ms_for_50_steps) {
  const process_metrics from = full(50);
  double best = 1e9;
  size_t bytes = 0;
  for (int i = 0; i < 20; ++i) {
    const auto start = std::chrono::steady_clock::now();
    bytes = prometheus_text(from, 0).size();
    best = std::min(best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  std::printf("a scrape of 50 steps: %.2f ms, %zu bytes\n", best, bytes);
  EXPECT_LT(best, 100);  // the goal is 5; sanitizers and busy machines may take longer
}

TEST(metrics_handler_test, answers_its_two_paths) {
  manual_clock time;
  const http_handler handler = metrics_handler([] { return full(2); }, time);
  const auto ask = [&](const char* method, const char* path) {
    http_request request;
    request.method = method;
    request.path = path;
    http_response got;
    handler(request, [&got](http_response made) { got = std::move(made); });
    return got;
  };
  EXPECT_EQ(ask("GET", "/metrics").status, 200u);
  EXPECT_EQ(ask("GET", "/metrics").content_type, prometheus_content_type);
  EXPECT_NE(ask("GET", "/metrics").body.find("systole_worker_slots 4"), std::string::npos);
  EXPECT_EQ(ask("GET", "/healthz").body, "ok\n");
  EXPECT_EQ(ask("POST", "/metrics").status, 405u);
  EXPECT_EQ(ask("GET", "/").status, 404u);
}

TEST(listen_address_test, is_this_machine_unless_said_otherwise) {
  EXPECT_EQ(parse_listen_address("9100").value().text(), "127.0.0.1:9100");
  EXPECT_EQ(parse_listen_address(":9100").value().text(), "127.0.0.1:9100");
  EXPECT_EQ(parse_listen_address("localhost:0").value().text(), "127.0.0.1:0");
  EXPECT_TRUE(parse_listen_address("127.8.0.1:1").value().is_loopback());
  EXPECT_TRUE(parse_listen_address("[::1]:1").value().is_loopback());
  EXPECT_EQ(parse_listen_address("[::1]:1").value().text(), "[::1]:1");
  EXPECT_FALSE(parse_listen_address("0.0.0.0:1").value().is_loopback());
  EXPECT_FALSE(parse_listen_address("[::]:1").value().is_loopback());
  for (const char* wrong : {"", ":", "1.2.3.4", "1.2.3.4:", "1.2.3:1", "host:1", "::1:1", "[::1:1", "1:70000", "1.2.3.4:-1"})
    EXPECT_FALSE(parse_listen_address(wrong).has_value()) << wrong;
}

}  // namespace
}  // namespace systole::testing
