// A job whose source gives more than its topic takes: epochs come by the outbox, not by the clock, and while the broker is
// down the sources stand, with disk and memory within their limits.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "actors/local_job.h"
#include "plan/compile.h"
#include "tests/kafka/kafka_broker.h"
#include "tests/kafka/kafka_records.h"
#include "tests/support/temporary_directory.h"

namespace systole::testing {
namespace {

namespace fs = std::filesystem;

constexpr size_t limit_bytes = 2 * limits::mebibyte;
constexpr int rows = 60'000;

constexpr const char* job = R"(apiVersion: systole/v1
kind: Job
metadata: {name: JOB}
spec:
  sources:
    - name: events
      generator: {seed: 11, count: 60000}
      schema: {columns: {event_id: text, patient_id: text, event_type: text, department: text, hospital_id: int, age: int}}
  sinks:
    - name: written
      input: events
      kafka: {connection: broker, topic: JOB, createTopic: ifMissing}
      format: {json: {}}
---
apiVersion: systole/v1
kind: Connection
metadata: {name: broker}
spec: {kafka: {bootstrapServers: ["SERVERS"]}}
)";

uint64_t outbox_on_disk(const std::string& folder) {
  uint64_t bytes = 0;
  std::error_code gone;  // files come and go meanwhile
  for (auto each = fs::recursive_directory_iterator(folder, gone); !gone && each != fs::recursive_directory_iterator(); each.increment(gone))
    if (each->path().extension() == ".seg") {
      const auto size = each->file_size(gone);
      if (!gone) bytes += size;
      gone.clear();
    }
  return bytes;
}

uint64_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  uint64_t all = 0, resident = 0;
  in >> all >> resident;
  return resident * 4096;
}

struct seen {
  job_outcome outcome;
  uint64_t most_outbox = 0;         ///< on disk, at any time
  uint64_t most_while_down = 0;     ///< and while the broker was down
  uint64_t more_memory = 0;         ///< while it was down, than before
  std::map<std::string, int> values;
};

/// Runs the job with this limit; `outage` has the broker dead for 4 s once some epochs are through.
seen run(const std::string& name, size_t outbox_bytes, bool outage) {
  kafka_broker& broker = kafka_broker::shared();
  std::string text = job;
  for (const auto& [from, to] : {std::pair<std::string, std::string>("JOB", name), {"SERVERS", broker.servers()}})
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) text.replace(at, from.size(), to);
  const compile_result compiled = compile({{"job.yaml", text}});
  if (!compiled.ok()) throw std::runtime_error(compiled.problems.empty() ? "no plan" : compiled.problems[0].message);
  temporary_directory folder;
  local_job_options options;
  options.state_directory = folder / "state";
  options.memory_bytes = 64 * limits::mebibyte;
  options.outbox_bytes = outbox_bytes;
  options.batch_rows = 256;
  options.checkpoint_interval = std::chrono::hours(1);
  options.in_memory = true;
  local_job made(*compiled.plan, options, default_components());
  seen what;
  std::atomic<bool> ended{false};
  std::thread runner([&] {
    what.outcome = made.run();
    ended = true;
  });
  uint64_t memory_before = 0;
  enum { before, down, after } phase = before;
  auto since = std::chrono::steady_clock::now();
  while (!ended) {
    const uint64_t bytes = outbox_on_disk(folder.path());
    what.most_outbox = std::max(what.most_outbox, bytes);
    if (outage && phase == before && what.most_outbox > 0 && made.control_metrics().checkpoints_completed >= 2) {
      memory_before = resident_bytes();
      broker.kill_9();
      phase = down;
      since = std::chrono::steady_clock::now();
    } else if (phase == down) {
      what.most_while_down = std::max(what.most_while_down, bytes);
      const uint64_t memory = resident_bytes();
      what.more_memory = std::max(what.more_memory, memory > memory_before ? memory - memory_before : 0);
      if (std::chrono::steady_clock::now() - since > std::chrono::seconds(4)) {
        broker.restart();
        phase = after;
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // samples
  }
  runner.join();
  for (const topic_record& each : read_topic(broker.servers(), name)) ++what.values[each.value.value_or("")];
  return what;
}

int sum(const std::map<std::string, int>& of) {
  int all = 0;
  for (const auto& [value, count] : of) all += count;
  return all;
}

TEST(kafka_outbox, holds_its_limit_while_the_broker_is_down_and_control_without_the_limit) {
  const seen free = run("free", size_t{1} << 40, false);
  ASSERT_EQ(free.outcome.how, job_outcome::kind::finished) << (free.outcome.cause ? free.outcome.cause->message : "");
  EXPECT_EQ(sum(free.values), rows);
  EXPECT_GT(free.most_outbox, 3 * limit_bytes) << "what the limit is to prevent";
  const seen bound = run("bound", limit_bytes, true);
  ASSERT_EQ(bound.outcome.how, job_outcome::kind::finished) << (bound.outcome.cause ? bound.outcome.cause->message : "");
  EXPECT_GE(bound.outcome.checkpoints, 3u) << "none comes by the clock";
  EXPECT_LE(bound.most_outbox, limit_bytes + limits::mebibyte) << "the limit and what was on its way";
  EXPECT_GT(bound.most_while_down, limit_bytes / 2) << "the sources went on up to it";
  EXPECT_LT(bound.more_memory, 64 * limits::mebibyte);
  EXPECT_TRUE(bound.values == free.values) << sum(bound.values) << " records";
  std::printf("outbox %llu without, %llu with a limit of %llu (%llu while down); %llu bytes more memory; %llu epochs, %zu attempts failed\n",
              static_cast<unsigned long long>(free.most_outbox), static_cast<unsigned long long>(bound.most_outbox),
              static_cast<unsigned long long>(limit_bytes), static_cast<unsigned long long>(bound.most_while_down),
              static_cast<unsigned long long>(bound.more_memory), static_cast<unsigned long long>(bound.outcome.checkpoints),
              bound.outcome.attempts.size());
}

}  // namespace
}  // namespace systole::testing
