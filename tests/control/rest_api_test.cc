#include "control/rest_api.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "control/openapi.h"
#include "rest_fixture.h"

namespace systole {
namespace {

using testing::rest_test;

TEST_F(rest_test, submits_and_describes_a_job) {
  const auto made =
      submit("beds", R"(, "directory": "/data", "parameters": {"env": "prod"}, "parallelism": 3, "request": "r1")");
  EXPECT_EQ(made.status, 201u) << made.body;
  EXPECT_EQ(at(made, "name"), "beds");
  EXPECT_EQ(made.headers.at("Location"), "/api/v1/jobs/" + at(made, "job"));
  const job_submission asked = cluster_.last_submission();
  EXPECT_EQ(asked.files.at(0).name, "job.yaml");
  EXPECT_EQ(asked.directory, "/data");
  EXPECT_EQ(asked.parameters.at("env"), "prod");
  EXPECT_EQ(asked.parallelism, 3u);
  EXPECT_EQ(asked.request, "r1");
  EXPECT_FALSE(asked.dry_run);

  for (const std::string& which : {std::string("beds"), at(made, "job")}) {
    const auto job = call("GET", "/api/v1/jobs/" + which);
    EXPECT_EQ(job.status, 200u);
    EXPECT_EQ(at(job, "id"), at(made, "job"));
    EXPECT_EQ(at(job, "state"), "running");
    EXPECT_EQ(at(job, "parallelism"), "3");
    EXPECT_EQ(at(job, "submittedAt"), "2026-01-01T00:00:00.000000Z");
    EXPECT_EQ(at(job, "tasks.0.worker"), "worker-1");
    EXPECT_EQ(at(job, "exceptions.0.code"), "unavailable");
    EXPECT_EQ(at(job, "checkpoints.0.durationSeconds"), "0.125");
    EXPECT_EQ(at(job, "checkpoints.0.stepBytes.occupancy"), "4000");
  }
  EXPECT_EQ(at(call("GET", "/api/v1/jobs"), "jobs.0.name"), "beds");
}

TEST_F(rest_test, tells_every_problem_of_a_manifest) {
  const auto refused = submit("beds broken");
  EXPECT_EQ(refused.status, 422u);
  EXPECT_EQ(at(refused, "error.code"), "invalid_manifest");
  EXPECT_EQ(at(refused, "error.problems.0"), "job.yaml:1:1: error[SYS0101]: it is broken");
  EXPECT_EQ(submit("beds broken", R"(, "dryRun": true)").status, 422u);
}

TEST_F(rest_test, a_dry_run_starts_nothing) {
  const auto dry = submit("beds", R"(, "dryRun": true)");
  EXPECT_EQ(dry.status, 200u);
  EXPECT_EQ(at(dry, "job"), "null");
  EXPECT_EQ(at(call("GET", "/api/v1/jobs"), "jobs"), "[]");
}

TEST_F(rest_test, compares_a_manifest_with_a_job) {
  submit("beds");
  const std::string files = R"({"files": [{"name": "job.yaml", "text": "name: beds"}])";
  const auto made = call("POST", "/api/v1/jobs/beds/diff", files + "}");
  EXPECT_EQ(made.status, 200u) << made.body;
  EXPECT_EQ(at(made, "steps.1.change"), "changed");
  EXPECT_EQ(at(made, "state.kept.0"), "adt");
  EXPECT_EQ(at(made, "state.dropped.0.holds"), "2 state tables");
  EXPECT_EQ(at(made, "state.incompatible.0.step"), "occupancy");
  EXPECT_NE(at(made, "state.refusal"), "");
  EXPECT_EQ(at(call("POST", "/api/v1/jobs/beds/diff", files + R"(, "allowDropState": true})"), "state.refusal"), "");
  EXPECT_EQ(call("POST", "/api/v1/jobs/absent/diff", files + "}").status, 404u);
  EXPECT_EQ(call("POST", "/api/v1/jobs/beds/diff", R"({"files": [{"name": "a", "text": "broken"}]})").status, 422u);
  EXPECT_EQ(call("POST", "/api/v1/jobs/beds/diff", "{}").status, 400u);
}

TEST_F(rest_test, controls_a_job) {
  submit("beds");
  const auto savepoint = call("POST", "/api/v1/jobs/beds/savepoints");
  EXPECT_EQ(savepoint.status, 201u);
  const std::string epoch = at(savepoint, "epoch");
  EXPECT_EQ(at(call("GET", "/api/v1/jobs/beds/savepoints"), "savepoints.0.epoch"), epoch);
  EXPECT_EQ(call("POST", "/api/v1/jobs/beds/rescale", R"({"parallelism": 4})").status, 202u);
  EXPECT_EQ(at(call("GET", "/api/v1/jobs/beds"), "parallelism"), "4");
  EXPECT_EQ(call("POST", "/api/v1/jobs/beds/stop").status, 202u);
  EXPECT_EQ(at(call("GET", "/api/v1/jobs/beds"), "state"), "stopped");
  const auto again = call("POST", "/api/v1/jobs/beds/stop");
  EXPECT_EQ(again.status, 409u);
  EXPECT_EQ(at(again, "error.code"), "incompatible");
  EXPECT_EQ(call("POST", "/api/v1/jobs/beds/resume").status, 202u);
  EXPECT_EQ(call("POST", "/api/v1/jobs/beds/drain").status, 202u);
  EXPECT_EQ(at(call("GET", "/api/v1/jobs/beds"), "state"), "finished");
  EXPECT_EQ(call("DELETE", "/api/v1/jobs/beds/savepoints/" + epoch).status, 204u);
  EXPECT_EQ(call("DELETE", "/api/v1/jobs/beds/savepoints/" + epoch).status, 404u);
  EXPECT_EQ(call("DELETE", "/api/v1/jobs/beds").status, 204u);
  EXPECT_EQ(call("GET", "/api/v1/jobs/beds").status, 404u);
}

TEST_F(rest_test, a_repeated_request_gets_the_first_ones_answer) {
  submit("beds");
  const auto first = call("POST", "/api/v1/jobs/beds/savepoints", R"({"request": "abc"})");
  const auto second = call("POST", "/api/v1/jobs/beds/savepoints", R"({"request": "abc"})");
  EXPECT_EQ(first.body, second.body);
  EXPECT_NE(at(call("POST", "/api/v1/jobs/beds/savepoints"), "epoch"), at(first, "epoch"));
}

TEST_F(rest_test, shows_plan_checkpoints_exceptions_workers_cluster) {
  submit("beds");
  const auto plan = call("GET", "/api/v1/jobs/beds/plan");
  EXPECT_EQ(plan.status, 200u);
  EXPECT_EQ(at(plan, "nodes.1.step"), "occupancy");
  EXPECT_EQ(at(plan, "nodes.1.operation"), "aggregate");
  EXPECT_EQ(at(plan, "nodes.1.inputs.0.from"), "1");
  EXPECT_EQ(at(plan, "nodes.0.columns.0.type"), "TEXT");
  EXPECT_EQ(at(call("GET", "/api/v1/jobs/beds/checkpoints"), "checkpoints.0.bytes"), "4096");
  EXPECT_EQ(at(call("GET", "/api/v1/jobs/beds/exceptions"), "exceptions.0.message"), "worker worker-2 was lost");
  EXPECT_EQ(at(call("GET", "/api/v1/workers"), "workers.0.slots"), "4");
  EXPECT_EQ(at(call("GET", "/api/v1/cluster"), "term"), "7");
}

TEST_F(rest_test, shows_what_steps_do) {
  submit("beds");
  const auto steps = call("GET", "/api/v1/jobs/beds/steps");
  EXPECT_EQ(steps.status, 200u) << steps.body;
  EXPECT_EQ(at(steps, "steps.0.step"), "adt");
  EXPECT_EQ(at(steps, "steps.0.recordsIn"), "1000");
  EXPECT_EQ(at(steps, "steps.0.recordsInPerSecond"), "1234.4");
  EXPECT_EQ(at(steps, "steps.0.busySeconds"), "0.25");
  EXPECT_EQ(at(steps, "steps.0.watermark"), "2026-01-01T00:00:00.000000Z");
  EXPECT_EQ(at(steps, "steps.0.lagRecords"), "7");
  EXPECT_EQ(at(steps, "steps.1.watermark"), "null");
  EXPECT_EQ(at(steps, "steps.1.lagRecords"), "null");
  EXPECT_EQ(call("GET", "/api/v1/jobs/absent/steps").status, 404u);
}

TEST_F(rest_test, shows_log_lines) {
  const auto all = call("GET", "/api/v1/logs");
  EXPECT_EQ(all.status, 200u) << all.body;
  EXPECT_EQ(at(all, "lines.0.process"), "coordinator");
  EXPECT_EQ(at(all, "lines.2.text"), "worker-2: job beds has news");
  EXPECT_EQ(at(all, "lines.2.level"), "warning");
  query_ = {{"process", "worker-1"}};
  EXPECT_EQ(at(call("GET", "/api/v1/logs"), "lines.0.process"), "worker-1");
  EXPECT_EQ(at(call("GET", "/api/v1/logs"), "lines.1"), "");
  query_ = {{"lines", "1"}};
  EXPECT_EQ(at(call("GET", "/api/v1/logs"), "lines.0.process"), "worker-2") << "the last one";
  for (const char* wrong : {"0", "2001", "-1", "1x", "", "99999999999999999999"}) {
    query_ = {{"lines", wrong}};
    EXPECT_EQ(call("GET", "/api/v1/logs").status, 400u) << wrong;
  }
}

TEST_F(rest_test, shows_the_dead_letter_without_records) {
  submit("beds");
  const auto all = call("GET", "/api/v1/jobs/beds/deadletter");
  EXPECT_EQ(all.status, 200u) << all.body;
  EXPECT_EQ(at(all, "sink"), "rejected");
  EXPECT_EQ(at(all, "entries.0.step"), "adt");
  EXPECT_EQ(at(all, "entries.0.sqlstate"), "22P02");
  EXPECT_EQ(at(all, "entries.1.sqlstate"), "null");
  EXPECT_EQ(at(all, "entries.1.offset"), "10");
  EXPECT_EQ(at(all, "next"), "null");
  for (const char* of_the_record : {"visit", "PV1-3", "2026-01-01", "raw", "reason"})
    EXPECT_EQ(all.body.find(of_the_record), std::string::npos) << of_the_record;
  query_ = {{"limit", "1"}, {"rule", "bad_event_type"}};
  const auto page = call("GET", "/api/v1/jobs/beds/deadletter");
  EXPECT_EQ(at(page, "entries.0.id"), "part-00000001-0000.ndjson:100");
  EXPECT_EQ(at(page, "next"), "part-00000001-0000.ndjson:100");
  for (const auto& [name, wrong] : std::vector<std::pair<std::string, std::string>>{
           {"limit", "0"}, {"limit", "1001"}, {"limit", "x"}, {"records", "yes"}, {"step", "\xff"}}) {
    query_ = {{name, wrong}};
    EXPECT_EQ(call("GET", "/api/v1/jobs/beds/deadletter").status, 400u) << name;
  }
  query_.clear();
  EXPECT_EQ(call("GET", "/api/v1/jobs/absent/deadletter").status, 404u);
  submit("ends");
  EXPECT_EQ(call("GET", "/api/v1/jobs/ends/deadletter").status, 409u);
}

/// Keeps what a route sends.
class kept_stream final : public event_stream {
 public:
  bool send(std::string_view name, std::string_view data) override {
    if (gone || closed) return false;
    told += std::string(name) + " " + std::string(data) + "\n";
    return true;
  }
  void close() override { closed = true; }
  std::string told;
  bool closed = false, gone = false;
};

TEST_F(rest_test, shows_rows_of_a_step_as_events) {
  submit("beds");
  query_ = {{"step", "adt"}, {"rows", "1"}, {"seconds", "5"}};
  const auto answer = call("GET", "/api/v1/jobs/beds/tap");
  EXPECT_EQ(answer.status, 200u) << answer.body;
  EXPECT_EQ(answer.content_type, "text/event-stream");
  EXPECT_EQ(answer.headers.at("Cache-Control"), "no-store");
  ASSERT_TRUE(answer.events);
  const auto stream = std::make_shared<kept_stream>();
  answer.events(stream);
  EXPECT_EQ(stream->told,
            "row {\"kind\":\"+I\",\"subtask\":0,\"eventTime\":null,\"row\":{\"department\":\"ICU\",\"beds\":0}}\n"
            "sampled {\"passed\":7,\"shown\":1}\n"
            "end {\"reason\":\"rows\",\"message\":\"all rows that were asked for\"}\n");
  EXPECT_TRUE(stream->closed);
}

TEST_F(rest_test, refuses_taps_that_are_wrong_or_not_allowed) {
  submit("beds");
  EXPECT_EQ(call("GET", "/api/v1/jobs/beds/tap").status, 400u) << "of which step?";
  for (const auto& [name, wrong] : std::vector<std::pair<std::string, std::string>>{{"step", ""},
                                                                                    {"step", "\xff"},
                                                                                    {"step", std::string(257, 'x')},
                                                                                    {"rows", "0"},
                                                                                    {"rows", "10001"},
                                                                                    {"rows", "1x"},
                                                                                    {"seconds", "0"},
                                                                                    {"seconds", "3601"},
                                                                                    {"seconds", ""}}) {
    query_ = {{"step", "adt"}};
    query_[name] = wrong;
    EXPECT_EQ(call("GET", "/api/v1/jobs/beds/tap").status, 400u) << name << "=" << wrong;
  }
  query_ = {{"step", "absent"}};
  EXPECT_EQ(call("GET", "/api/v1/jobs/beds/tap").status, 404u);
  query_ = {{"step", "adt"}};
  EXPECT_EQ(call("GET", "/api/v1/jobs/absent/tap").status, 404u);
  submit("ends");
  const auto off = call("GET", "/api/v1/jobs/ends/tap");
  EXPECT_EQ(off.status, 409u);
  EXPECT_NE(at(off, "error.message").find("--allow-tap"), std::string::npos);
}

TEST_F(rest_test, shows_rejected_records_where_they_are_asked_for) {
  submit("beds");
  query_ = {{"records", "true"}};
  const auto all = call("GET", "/api/v1/jobs/beds/deadletter");
  EXPECT_EQ(at(all, "entries.1.raw"), "{\"visit\":\"v1\"}");
  EXPECT_EQ(at(all, "entries.1.rawBase64"), "null");
  EXPECT_EQ(at(all, "entries.1.reason"), "no PV1-3 location on A99");
  EXPECT_EQ(at(all, "entries.0.raw"), "null");
  EXPECT_EQ(at(all, "entries.0.rawBase64"), "/3s=");
  EXPECT_EQ(at(all, "entries.3.raw"), "null");
  EXPECT_EQ(at(all, "entries.3.rawBase64"), "null");
}

TEST_F(rest_test, a_line_that_is_no_text_is_told_all_the_same) {
  cluster_.log("path \xff, and cut \xc3");
  EXPECT_EQ(at(call("GET", "/api/v1/logs"), "lines.3.text"), "path ?, and cut ?");
}

TEST_F(rest_test, a_follower_tells_who_leads) {
  EXPECT_EQ(call("GET", "/readyz").status, 200u);
  cluster_.follow("http://other:8480");
  const auto refused = call("GET", "/api/v1/jobs");
  EXPECT_EQ(refused.status, 503u);
  EXPECT_EQ(at(refused, "error.code"), "unavailable");
  EXPECT_EQ(at(refused, "error.leader"), "http://other:8480");
  EXPECT_EQ(refused.headers.at("Retry-After"), "1");
  EXPECT_EQ(call("GET", "/readyz").status, 503u);
  EXPECT_EQ(call("GET", "/healthz").status, 200u);
}

TEST_F(rest_test, maps_each_failure_to_a_status) {
  const std::vector<std::pair<error_code, unsigned>> expected = {
      {error_code::invalid_argument, 400}, {error_code::not_found, 404},    {error_code::already_exists, 409},
      {error_code::corrupt, 500},          {error_code::incompatible, 409}, {error_code::io, 500},
      {error_code::disk_full, 507},        {error_code::unavailable, 503},  {error_code::fenced, 503},
      {error_code::limit_exceeded, 429},   {error_code::cancelled, 409},    {error_code::data, 500},
      {error_code::internal, 500}};
  for (const auto& [code, status] : expected) {
    cluster_.fail_next(fail(code, "why"));
    const auto answer = call("GET", "/api/v1/jobs");
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(at(answer, "error.message"), "why");
  }
}

TEST_F(rest_test, refuses_bodies_that_are_wrong) {
  const std::string file = R"("files": [{"name": "a", "text": "b"}])";
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"nonsense", "not JSON"},
      {"[]", "the body is not an object"},
      {"{}", "the body has no `files`"},
      {R"({"files": []})", "the body has a `files` that is empty"},
      {R"({"files": {}})", "the body has a `files` that is not an array"},
      {R"({"files": [1]})", "files[0] is not an object"},
      {R"({"files": [{"name": "a"}]})", "files[0] has no `text`"},
      {R"({"files": [{"name": "a", "text": "b", "mode": 1}]})", "files[0] has an unknown member `mode`"},
      {"{" + file + R"(, "dryrun": true})", "the body has an unknown member `dryrun`"},
      {"{" + file + R"(, "dryRun": "yes"})", "the body has a `dryRun` that is not true or false"},
      {"{" + file + R"(, "parallelism": -1})",
       "the body has a `parallelism` that is not a whole number from 0 to 32768"},
      {"{" + file + R"(, "parallelism": 1.5})",
       "the body has a `parallelism` that is not a whole number from 0 to 32768"},
      {"{" + file + R"(, "parameters": {"a": 1}})",
       "the body has `parameters` that are not all strings of at most 4096 bytes"},
      {"{" + file + R"(, "directory": "a\u0001"})", "the body has a `directory` that has control characters"},
      {"{" + file + R"(, "request": ")" + std::string(257, 'x') + "\"}",
       "the body has a `request` that has more than 256 bytes"},
      {"{" + file + "," + file + "}", "the member files is there twice"}};
  for (const auto& [body, message] : wrong) {
    const auto answer = call("POST", "/api/v1/jobs", body);
    EXPECT_EQ(answer.status, 400u) << body;
    EXPECT_TRUE(at(answer, "error.message").starts_with(message)) << body << answer.body;
  }
  submit("beds");
  EXPECT_EQ(call("POST", "/api/v1/jobs/beds/rescale").status, 400u);
  EXPECT_EQ(call("POST", "/api/v1/jobs/beds/rescale", R"({"parallelism": 0})").status, 400u);
  EXPECT_EQ(call("POST", "/api/v1/jobs/beds/stop", R"({"parallelism": 2})").status, 400u);
}

TEST_F(rest_test, says_what_is_not_there_and_what_a_path_is_for) {
  for (const char* path :
       {"/", "/api", "/api/v1/", "/api/v1/jobs/", "/api/v1/jobs//plan", "/api/v1/jobs/a/b",
        "/api/v1/jobs/a/savepoints/x", "/api/v1/jobs/a/savepoints/99999999999999999999", "/api/v2/jobs", "/healthz/"}) {
    const auto answer = call("GET", path);
    EXPECT_EQ(answer.status, 404u) << path;
    EXPECT_EQ(at(answer, "error.code"), "not_found");
  }
  const auto wrong = call("PUT", "/api/v1/jobs");
  EXPECT_EQ(wrong.status, 405u);
  EXPECT_EQ(wrong.headers.at("Allow"), "GET, POST");
  EXPECT_EQ(call("HEAD", "/api/v1/jobs").status, 200u);
  EXPECT_EQ(call("GET", "/\xff").status, 400u);
}

TEST_F(rest_test, takes_json_only) {
  headers_["content-type"] = "text/plain";
  EXPECT_EQ(submit("beds").status, 415u);
  headers_["content-type"] = "application/json; charset=utf-8";
  EXPECT_EQ(submit("beds").status, 201u);
}

TEST_F(rest_test, without_tokens_answers_this_machines_programs_only) {
  for (const char* host : {"localhost:8480", "127.0.0.1", "[::1]:8480"}) {
    headers_["host"] = host;
    EXPECT_EQ(call("GET", "/api/v1/jobs").status, 200u) << host;
  }
  headers_["host"] = "attacker.example:8480";  // a name that its owner has pointed here
  EXPECT_EQ(call("GET", "/api/v1/jobs").status, 403u);
  EXPECT_EQ(call("GET", "/healthz").status, 200u);
  headers_["host"] = "127.0.0.1:8480";
  headers_["origin"] = "http://attacker.example";
  EXPECT_EQ(call("POST", "/api/v1/jobs/beds/cancel").status, 403u);
  headers_["origin"] = "http://127.0.0.1:8480";
  EXPECT_EQ(call("POST", "/api/v1/jobs/beds/cancel").status, 404u);
}

TEST_F(rest_test, serves_other_paths_beside_the_api) {
  options_.others["/metrics"] = [](const http_request&, const http_answer& answer) { answer({.body = "metrics"}); };
  EXPECT_EQ(call("GET", "/metrics").body, "metrics");
}

class token_test : public rest_test {
 protected:
  token_test() {
    std::string lines = "# who may what\n\n";
    for (const api_role role : {api_role::viewer, api_role::operator_, api_role::admin}) {
      const auto made = make_api_token(role, "anna");
      tokens_[role] = made->token;
      lines += made->line + "\n";
    }
    options_.tokens = *api_tokens::parse(lines, "tokens");
    headers_["host"] = "cluster.internal";
  }
  unsigned as(api_role role, const std::string& method, const std::string& path, const std::string& body = {}) {
    headers_["authorization"] = "Bearer " + tokens_[role];
    return call(method, path, body).status;
  }
  std::map<api_role, std::string> tokens_;
};

TEST_F(token_test, a_role_allows_what_it_says) {
  const std::string body = R"({"files": [{"name": "a", "text": "name: beds"}]})";
  EXPECT_EQ(as(api_role::viewer, "GET", "/api/v1/jobs"), 200u);
  EXPECT_EQ(as(api_role::viewer, "POST", "/api/v1/jobs", body), 403u);
  EXPECT_EQ(as(api_role::operator_, "POST", "/api/v1/jobs", body), 201u);
  EXPECT_EQ(as(api_role::viewer, "POST", "/api/v1/jobs/beds/cancel"), 403u);
  EXPECT_EQ(as(api_role::operator_, "POST", "/api/v1/jobs/beds/cancel"), 202u);
  EXPECT_EQ(as(api_role::operator_, "DELETE", "/api/v1/jobs/beds"), 403u);
  EXPECT_EQ(as(api_role::admin, "DELETE", "/api/v1/jobs/beds"), 204u);
}

TEST_F(token_test, records_are_for_operators_and_who_looks_is_logged) {
  const std::string body = R"({"files": [{"name": "a", "text": "name: beds"}]})";
  EXPECT_EQ(as(api_role::operator_, "POST", "/api/v1/jobs", body), 201u);
  EXPECT_EQ(as(api_role::viewer, "GET", "/api/v1/jobs/beds/deadletter"), 200u);
  query_ = {{"records", "true"}};
  EXPECT_EQ(as(api_role::viewer, "GET", "/api/v1/jobs/beds/deadletter"), 403u);
  set_log_level(log_level::info);
  const auto before = lines_logged_after(0, logged_lines);
  EXPECT_EQ(as(api_role::operator_, "GET", "/api/v1/jobs/beds/deadletter"), 200u);
  set_log_level(log_level::warning);
  const auto lines = lines_logged_after(before.empty() ? 0 : before.back().sequence, 10);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].text, "api: anna at 127.0.0.1:5: reads records of the dead letter of job beds");
}

TEST_F(token_test, taps_are_for_operators_and_who_looks_is_logged_but_no_row) {
  const std::string body = R"({"files": [{"name": "a", "text": "name: beds"}]})";
  EXPECT_EQ(as(api_role::operator_, "POST", "/api/v1/jobs", body), 201u);
  query_ = {{"step", "adt"}};
  EXPECT_EQ(as(api_role::viewer, "GET", "/api/v1/jobs/beds/tap"), 403u);
  set_log_level(log_level::info);
  const auto before = lines_logged_after(0, logged_lines);
  headers_["authorization"] = "Bearer " + tokens_[api_role::operator_];
  const auto answer = call("GET", "/api/v1/jobs/beds/tap");
  ASSERT_TRUE(answer.events);
  answer.events(std::make_shared<kept_stream>());
  set_log_level(log_level::warning);
  const auto lines = lines_logged_after(before.empty() ? 0 : before.back().sequence, 10);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].text, "api: anna at 127.0.0.1:5: taps step adt of job beds");
  EXPECT_EQ(lines[1].text,
            "api: anna at 127.0.0.1:5: taps step adt of job beds: ends: the job is finished; 2 of 7 rows were shown");
}

TEST_F(token_test, refuses_who_has_none) {
  for (const std::string& given : {std::string(), std::string("Bearer "), std::string("Bearer systole_0"),
                                   "Basic " + tokens_[api_role::admin], "Bearer " + tokens_[api_role::admin] + "0"}) {
    headers_["authorization"] = given;
    for (const char* path : {"/api/v1/jobs", "/nowhere"}) {
      const auto answer = call("GET", path);
      EXPECT_EQ(answer.status, 401u) << given;
      EXPECT_EQ(answer.headers.at("WWW-Authenticate"), "Bearer");
      EXPECT_EQ(answer.body.find("systole_"), std::string::npos);
    }
  }
  headers_.erase("authorization");
  for (const char* open : {"/healthz", "/readyz", "/api/v1/openapi.json"})
    EXPECT_EQ(call("GET", open).status, 200u) << open;
  options_.others["/metrics"] = [](const http_request&, const http_answer& answer) { answer({}); };
  EXPECT_EQ(call("GET", "/metrics").status, 401u);
}

TEST(api_tokens, names_the_line_that_is_wrong) {
  const std::string digest(64, 'a');
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"", "tokens: no token is in it"},
      {"# nothing\n", "tokens: no token is in it"},
      {"root " + digest + " x", "tokens:1: a line begins with"},
      {"\nviewer 12 x", "tokens:2: the second word"},
      {"viewer " + std::string(64, 'g') + " x", "tokens:1: the second word"},
      {"viewer " + digest, "tokens:1: the third"},
      {"viewer " + digest + " x y", "tokens:1: the third"}};
  for (const auto& [text, message] : wrong) {
    const auto read = api_tokens::parse(text, "tokens");
    ASSERT_FALSE(read) << text;
    EXPECT_TRUE(read.error().message.starts_with(message)) << read.error().message;
  }
  EXPECT_FALSE(make_api_token(api_role::viewer, "two words"));
  EXPECT_FALSE(make_api_token(api_role::viewer, ""));
}

TEST(rest_server, refuses_to_be_open_to_others) {
  testing::fake_cluster cluster;
  rest_server_options options;
  options.where.address = "0.0.0.0";
  const auto refused = serve_rest_api(cluster, options, posix_file_system());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, error_code::invalid_argument);
  EXPECT_NE(refused.error().message.find("systole token"), std::string::npos) << refused.error().message;
  options.token_file = "/nowhere/tokens";
  const auto absent = serve_rest_api(cluster, options, posix_file_system());
  ASSERT_FALSE(absent);
  EXPECT_NE(absent.error().message.find("/nowhere/tokens"), std::string::npos) << absent.error().message;
}

}  // namespace
}  // namespace systole
