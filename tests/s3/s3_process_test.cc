// The real process with its checkpoints in a bucket, killed with kill -9 at random moments and restarted: the files
// hold what an undisturbed run's hold.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <sstream>

#include "tests/s3/faulty_proxy.h"
#include "tests/s3/s3_service.h"
#include "tests/support/child_process.h"
#include "tests/support/seed.h"
#include "tests/support/temporary_directory.h"

namespace systole::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* job = R"(apiVersion: systole/v1
kind: Job
metadata: {name: in-a-bucket}
spec:
  parameters: {events: {type: string}, out: {type: string}}
  checkpoint: {interval: 50ms, timeout: 20s, retained: 2}
  sources:
    - name: events
      files: {path: "${param.events}"}
      format: {json: {}}
      schema: {columns: {n: bigint not null, at: timestamptz not null, patient: text}}
      watermark: {column: at, maxOutOfOrderness: 30s}
  steps:
    - name: unique
      input: events
      deduplicate: {key: [n]}
    - name: per_minute
      input: unique
      window: {keyBy: [patient], tumbling: {size: 1m}, fields: {window_start: window_start(), events: count(*), last: max(n)}}
  sinks:
    - {name: rows, input: unique, file: {path: "${param.out}/rows"}, format: {csv: {}}}
    - {name: minutes, input: per_minute, file: {path: "${param.out}/minutes"}, format: {csv: {}}}
)";

using line_counts = std::map<std::string, int>;

line_counts lines_of(const std::string& folder) {
  line_counts counts;
  for (const auto& each : std::filesystem::recursive_directory_iterator(folder)) {
    if (!each.is_regular_file() || each.path().extension() != ".csv") continue;
    std::ifstream in(each.path());
    for (std::string line; std::getline(in, line);)
      if (!line.starts_with("n,") && !line.starts_with("patient,"))
        ++counts[each.path().parent_path().filename().string() + ":" + line];
  }
  return counts;
}

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class s3_process : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(folder_ / "job.yaml") << job;
    std::filesystem::create_directories(folder_ / "secrets/store");
    std::ofstream(folder_ / "secrets/store/accessKeyId") << s3_service::access_key_id << "\n";
    std::ofstream(folder_ / "secrets/store/secretAccessKey") << s3_service::secret_access_key << "\n";
    std::ofstream events(folder_ / "events.ndjson");
    for (int64_t n = 0; n < 400'000; ++n) {
      char text[128];
      const long long of = n % 50 == 49 ? n - 20 : n;  // some twice
      std::snprintf(text, sizeof text, R"({"n":%lld,"at":"2026-01-01T%02lld:%02lld:%02lldZ","patient":"p%lld"})", of,
                    of / 36'000 % 24, of / 600 % 60, of / 10 % 60, of % 40);
      events << text << "\n";
    }
  }
  /// Ends it by kill -9 after `life`, or waits for its end (0). Gives the exit status, 128 + signal if killed.
  int run(const std::string& name, const std::string& url, std::chrono::milliseconds life) {
    std::filesystem::create_directories(folder_ / name);
    std::vector<std::string> words{SYSTOLE_COMMAND,
                                   "run",
                                   folder_ / "job.yaml",
                                   "--state",
                                   folder_ / (name + ".state"),
                                   "--progress",
                                   "none",
                                   "--parallelism",
                                   "2",
                                   "--memory",
                                   "64MiB",
                                   "--param",
                                   "events=" + (folder_ / "events.ndjson"),
                                   "--param",
                                   "out=" + (folder_ / name),
                                   "--secrets",
                                   folder_ / "secrets"};
    if (!url.empty()) words.insert(words.end(), {"--checkpoints", url});
    return run_child(std::move(words), folder_ / "log", life);
  }
  std::string url(const std::string& prefix, uint16_t port) const {
    return std::string("s3://") + s3_service::bucket + "/" + prefix +
           "?secret=store&endpoint=http://127.0.0.1:" + std::to_string(port);
  }
  std::string log() const { return text_of(folder_ / "log"); }

  temporary_directory folder_;
};

TEST_F(s3_process, killed_and_restarted_it_writes_what_an_undisturbed_run_writes) {
  const uint64_t seed = make_seed();
  SCOPED_TRACE("SYSTOLE_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  ASSERT_EQ(run("undisturbed", "", {}), 0) << log();
  const line_counts wanted = lines_of(folder_ / "undisturbed");
  ASSERT_GT(wanted.size(), 390'000u);

  faulty_proxy proxy(s3_service::shared().port(), seed);
  proxy.hurt(50);
  const std::string bucket = url("process-" + std::to_string(seed), proxy.port());
  int kills = 0, status = -1;
  // The first ones before it can have ended, however fast the machine is.
  const auto life = [&kills](std::mt19937_64& draw) { return kills < 3 ? 40 + draw() % 160 : 150 + draw() % 700; };
  while (status != 0) {
    const bool last = kills >= 6;
    status =
        run("killed", bucket, last ? std::chrono::milliseconds(0) : std::chrono::milliseconds(life(random)));
    if (status == 0) break;
    ASSERT_EQ(status, 128 + 9) << log();
    ++kills;
    // As on another machine: nothing local but the rows that wait for their commit.
    if (random() % 2 == 0) std::filesystem::remove_all(folder_ / "killed.state/checkpoints/s3-cache");
    if (random() % 2 == 0) std::filesystem::remove_all(folder_ / "killed.state/work");
  }
  EXPECT_GE(kills, 2) << "else this shows nothing";
  EXPECT_TRUE(lines_of(folder_ / "killed") == wanted);
  s3_client client(s3_service::shared().options("process-" + std::to_string(seed)));
  EXPECT_FALSE(client.list("log/").value().empty());
  EXPECT_FALSE(client.list("metadata/").value().empty());
}

TEST_F(s3_process, what_is_wrong_with_the_bucket_is_told_before_the_job_runs) {
  const uint16_t port = s3_service::shared().port();
  EXPECT_EQ(run("a", "s3://Not_a_bucket", {}), 2);
  EXPECT_THAT(log(), HasSubstr("not the name of a bucket"));
  EXPECT_EQ(run("a", "s3://" + std::string("no-such-bucket") + url("", port).substr(url("", port).find('?')), {}), 1);
  EXPECT_THAT(log(), HasSubstr("404 NoSuchBucket"));
  EXPECT_EQ(run("a", url("x", port) + "&secret=other", {}), 2);
  std::ofstream(folder_ / "secrets/store/secretAccessKey") << "forgotten";
  EXPECT_EQ(run("a", url("x", port), {}), 1);
  EXPECT_THAT(log(), HasSubstr("403 SignatureDoesNotMatch"));
  EXPECT_THAT(log(), Not(HasSubstr("forgotten")));
  EXPECT_EQ(run("a", "", {}), 2);
  EXPECT_THAT(log(), HasSubstr("give --checkpoints as before")) << "the state's checkpoints are not where it looks";
}

}  // namespace
}  // namespace systole::testing
