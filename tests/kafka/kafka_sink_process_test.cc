// The real process, killed with kill -9 at random moments and at the phases of checkpoints, between a generator and a broker.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <map>
#include <random>

#include "tests/kafka/kafka_broker.h"
#include "tests/kafka/kafka_records.h"
#include "tests/support/child_process.h"
#include "tests/support/seed.h"
#include "tests/support/temporary_directory.h"

namespace systole::testing {
namespace {

constexpr int crashed = 137;  // actors/crash_points.h

constexpr const char* job = R"(apiVersion: systole/v1
kind: Job
metadata: {name: JOB}
spec:
  checkpoint: {interval: 50ms, timeout: 20s}
  errorHandling: {deadLetter: rejected}
  sources:
    - name: events
      generator: {seed: 7, count: 72000, rate: 12000}
      schema:
        columns: {event_type: text, event_id: text, patient_id: text, department: text, hospital_id: int, age: int}
  steps:
    - name: valid
      input: events
      validate: {onViolation: reject, rules: [{id: invalid_age, check: age IS NULL OR age BETWEEN 0 AND 120}]}
    - {name: unique_events, input: valid, deduplicate: {key: [event_id]}}
    - name: per_unit
      input: unique_events
      aggregate: {keyBy: [hospital_id, department], fields: {events: count(*), oldest: max(age)}}
  sinks:
    - name: appended
      input: unique_events
      kafka: {connection: broker, topic: JOB.events, key: [patient_id], headers: {kind: event_type}, createTopic: ifMissing, partitions: 3}
      format: {json: {}}
    - name: current
      input: per_unit
      kafka: {connection: broker, topic: JOB.units, key: [hospital_id, department], createTopic: ifMissing, partitions: 2}
      format: {json: {}}
    - name: rejected
      kafka: {connection: broker, topic: JOB.rejected, createTopic: ifMissing}
      format: {deadLetter: {}}
---
apiVersion: systole/v1
kind: Connection
metadata: {name: broker}
spec: {kafka: {bootstrapServers: ["SERVERS"]}}
)";

/// What a job has written: appended records with their number, the last value of each key.
struct output {
  std::map<std::string, int> appended, rejected;
  std::map<std::string, std::string> units;
  bool operator==(const output&) const = default;
  size_t rows() const {
    size_t sum = 0;
    for (const auto& [value, count] : appended) sum += static_cast<size_t>(count);
    return sum;
  }
};

class kafka_process : public ::testing::Test {
 protected:
  std::string manifest(const std::string& name) {
    std::string text = job;
    for (const auto& [from, to] : {std::pair<std::string, std::string>("JOB", name), {"SERVERS", broker_.servers()}})
      for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) text.replace(at, from.size(), to);
    const std::string path = folder_ / (name + ".yaml");
    std::ofstream(path) << text;
    return path;
  }
  /// Runs it to its end, or kills it after `life` (0: not). Gives the exit status, 128 + signal for a killed one.
  int run(const std::string& name, std::vector<std::string> more, std::chrono::milliseconds life) {
    std::vector<std::string> words{SYSTOLE_COMMAND, "run", manifest(name), "--state", folder_ / (name + ".state"), "--progress",
                                   "none", "--parallelism", parallelism_};
    words.insert(words.end(), more.begin(), more.end());
    return run_child(std::move(words), folder_ / "log", life);
  }
  std::string log() {
    std::ifstream in(folder_ / "log");
    return {std::istreambuf_iterator<char>(in), {}};
  }
  output read(const std::string& name) {
    output made;
    for (const topic_record& each : read_topic(broker_.servers(), name + ".events")) ++made.appended[each.value.value_or("none")];
    for (topic_record& each : read_topic(broker_.servers(), name + ".rejected")) {
      std::string text = each.value.value_or("none");
      if (const size_t at = text.find(name); at != std::string::npos) text.erase(at, name.size());
      ++made.rejected[text];
    }
    for (const topic_record& each : read_topic(broker_.servers(), name + ".units")) {
      if (each.value) made.units[each.key.value_or("none")] = *each.value;
      else made.units.erase(each.key.value_or("none"));
    }
    return made;
  }
  kafka_broker& broker_ = kafka_broker::shared();
  temporary_directory folder_;
  std::string parallelism_ = "2";
};

TEST_F(kafka_process, kill_9_loses_and_doubles_nothing) {
  ASSERT_EQ(run("calm", {}, std::chrono::milliseconds(0)), 0) << log();
  const output expected = read("calm");
  ASSERT_GT(expected.rows(), 40'000u);
  ASSERT_GT(expected.rejected.size(), 10u);
  ASSERT_GT(expected.units.size(), 10u);
  const uint64_t seed = make_seed();
  RecordProperty("seed", std::to_string(seed));
  std::mt19937_64 chance(seed);
  const char* phases[] = {"mid_commit", "sealed", "completed", "before_commit", "durable", "after_commit"};
  int hits = 0;  // the last of them may find that the job has ended
  for (int kills = 0; kills < 10; ++kills) {
    if (kills % 2 == 0) {
      const std::string at = std::string(phases[kills / 2 % 6]) + ":" + std::to_string(1 + chance() % 3);
      const int status = run("killed", {"--test-crash-at", at}, std::chrono::milliseconds(0));
      ASSERT_TRUE(status == crashed || status == 0) << at << ": " << log();
      hits += status == crashed;
    } else {
      const int status = run("killed", {}, std::chrono::milliseconds(300 + chance() % 1'500));
      ASSERT_TRUE(status == 128 + SIGKILL || status == 0) << status << ": " << log();
      hits += status != 0;
    }
  }
  ASSERT_EQ(run("killed", {}, std::chrono::milliseconds(0)), 0) << log();
  EXPECT_GE(hits, 6);
  const output got = read("killed");
  EXPECT_EQ(got.rows(), expected.rows()) << "seed " << seed;
  EXPECT_TRUE(got == expected) << "seed " << seed;
}

TEST_F(kafka_process, control_without_the_epoch_check) {
  ASSERT_EQ(run("unchecked", {"--test-crash-at", "after_commit:2", "--test-without=marker_read"}, std::chrono::milliseconds(0)),
            crashed) << log();
  ASSERT_EQ(run("unchecked", {"--test-without=marker_read"}, std::chrono::milliseconds(0)), 0) << log();
  const output got = read("unchecked");  // events are unique, so that a number above one is a row that came twice
  EXPECT_TRUE(std::any_of(got.appended.begin(), got.appended.end(), [](const auto& each) { return each.second > 1; }));
}

}  // namespace
}  // namespace systole::testing
