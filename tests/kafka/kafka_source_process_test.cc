// The real process between a topic and files, killed with kill -9 at random moments and restarted, while the broker is
// killed too: the files hold what an undisturbed run's hold.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "tests/kafka/kafka_broker.h"
#include "tests/kafka/kafka_records.h"
#include "tests/support/child_process.h"
#include "tests/support/seed.h"
#include "tests/support/temporary_directory.h"

namespace systole::testing {
namespace {

constexpr const char* job = R"(apiVersion: systole/v1
kind: Job
metadata: {name: from-topic}
spec:
  parameters: {out: {type: string}}
  checkpoint: {interval: 50ms, timeout: 20s}
  errorHandling: {deadLetter: rejected}
  sources:
    - name: events
      kafka: {connection: broker, topic: TOPIC, bounded: true}
      format: {json: {}}
      schema: {columns: {n: bigint not null, at: timestamptz not null, patient: text from kafka.key, place: bigint from kafka.offset}}
      ingestionTime: kafka.timestamp
      watermark: {column: at, maxOutOfOrderness: 30s}
  steps:
    - name: valid
      input: events
      validate: {onViolation: reject, rules: [{id: odd_number, check: n % 97 <> 5}]}
    - name: shown
      input: valid
      project: {fields: {n: n, patient: patient, place: place, arrived: ingestion_time()}}
    - name: per_minute
      input: valid
      window: {keyBy: [patient], tumbling: {size: 1m}, fields: {window_start: window_start(), events: count(*)}}
  sinks:
    - {name: rows, input: shown, file: {path: "${param.out}/rows"}, format: {csv: {}}}
    - {name: minutes, input: per_minute, file: {path: "${param.out}/minutes"}, format: {csv: {}}}
    - {name: rejected, file: {path: "${param.out}/rejected"}, format: {deadLetter: {}}}
---
apiVersion: systole/v1
kind: Connection
metadata: {name: broker}
spec: {kafka: {bootstrapServers: ["SERVERS"]}}
)";

using line_counts = std::map<std::string, int>;

class kafka_source_process : public ::testing::Test {
 protected:
  void fill(const std::string& topic, int64_t records) {
    broker_.create_topic(topic, 3);
    std::vector<topic_record> made;
    for (int64_t n = 0; n < records; ++n) {
      char text[96];
      std::snprintf(text, sizeof(text), R"({"n":%lld,"at":"2026-01-01T%02lld:%02lld:%02lldZ"})", static_cast<long long>(n),
                    static_cast<long long>(n / 36'000 % 24), static_cast<long long>(n / 600 % 60), static_cast<long long>(n / 10 % 60));
      made.push_back({.key = "p" + std::to_string(n % 40), .value = n % 1000 == 7 ? std::string("broken") : std::string(text),
                      .timestamp_ms = 1'767'225'600'000 + n, .partition = static_cast<int>(n % 3)});
    }
    produce(broker_.servers(), topic, made);
    std::string written = job;
    for (const auto& [from, to] : {std::pair<std::string, std::string>("TOPIC", topic), {"SERVERS", broker_.servers()}})
      for (size_t at = 0; (at = written.find(from, at)) != std::string::npos; at += to.size()) written.replace(at, from.size(), to);
    std::ofstream(folder_ / "job.yaml") << written;
  }
  /// Starts it; ends it by kill -9 after `life`, or waits for its end (0). Gives the exit status, 128 + signal if killed.
  int run(const std::string& name, std::chrono::milliseconds life, const char* parallelism) {
    std::vector<std::string> words{SYSTOLE_COMMAND, "run", folder_ / "job.yaml", "--state", folder_ / (name + ".state"), "--progress",
                                   "none", "--parallelism", parallelism, "--param", "out=" + (folder_ / name)};
    return run_child(std::move(words), folder_ / "log", life);
  }
  std::string log() {
    std::ifstream in(folder_ / "log");
    return {std::istreambuf_iterator<char>(in), {}};
  }
  line_counts lines(const std::string& folder) {
    line_counts found;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / folder)) {
      // Parts, and not their manifests.
      if (!entry.is_regular_file() || !entry.path().filename().string().starts_with("part-")) continue;
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) ++found[line];
    }
    return found;
  }
  static size_t sum(const line_counts& of) {
    size_t all = 0;
    for (const auto& [line, count] : of) all += static_cast<size_t>(count);
    return all;
  }

  kafka_broker& broker_ = kafka_broker::shared();
  temporary_directory folder_;
};

TEST_F(kafka_source_process, kill_9_of_job_and_broker_loses_and_doubles_nothing) {
  constexpr int64_t records = 860'000;  // their times lie within a day
  fill("process", records);
  ASSERT_EQ(run("calm", std::chrono::milliseconds(0), "2"), 0) << log();
  const uint64_t seed = make_seed();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  std::mt19937_64 chance(seed);
  int kills = 0, status = -1;
  while (status != 0 && kills < 40) {
    // Longer and longer, so that it ends on any machine; at another parallelism each time.
    const auto life = std::chrono::milliseconds(kills == 2 ? 700 : 60 + kills * 15 + static_cast<int>(chance() % 80));
    const char* const parallelism = kills % 2 ? "3" : "2";
    std::thread job_run([&] { status = run("killed", life, parallelism); });
    if (kills == 2) broker_.restart();  // while the job reads
    job_run.join();
    if (status == 0) break;
    ASSERT_EQ(status, 128 + SIGKILL) << log();
    ++kills;
  }
  if (status != 0) status = run("killed", std::chrono::milliseconds(0), "2");
  ASSERT_EQ(status, 0) << log();
  EXPECT_GE(kills, 2);
  std::printf("%d kills\n", kills);
  for (const char* sink : {"rows", "minutes"}) {
    // A part's header comes with each part, whose number differs.
    line_counts calm = lines(std::string("calm/") + sink), killed = lines(std::string("killed/") + sink);
    for (line_counts* each : {&calm, &killed})
      std::erase_if(*each, [](const auto& line) { return line.first.find("window_start") == 0 || line.first.find("n,patient") == 0 || line.first.find("patient,window") == 0; });
    EXPECT_GT(sum(calm), 1000u);
    EXPECT_TRUE(calm == killed) << sink << ": " << sum(calm) << " and " << sum(killed);
  }
  const line_counts calm = lines("calm/rejected"), killed = lines("killed/rejected");
  EXPECT_TRUE(calm == killed) << "rejected: " << sum(calm) << " and " << sum(killed);
  size_t rows = sum(lines("calm/rows"));
  for (const auto& [line, count] : lines("calm/rows"))
    if (line.find("n,patient") == 0) rows -= static_cast<size_t>(count);
  EXPECT_EQ(rows + sum(calm), static_cast<size_t>(records));
}

}  // namespace
}  // namespace systole::testing
