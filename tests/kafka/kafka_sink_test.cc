// The Kafka sink on a real broker: what its records are, and exactly once whatever dies and when.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "base/limits.h"
#include "connectors/kafka/kafka_questions.h"
#include "tests/kafka/kafka_broker.h"
#include "tests/kafka/kafka_records.h"
#include "tests/kafka/kafka_sink_run.h"

namespace systole::testing {
namespace {

#define ASSERT_OK(expression)                                                   \
  do {                                                                          \
    const auto ok_ = (expression);                                              \
    ASSERT_TRUE(ok_.has_value()) << ok_.error().message;                        \
  } while (false)

std::string servers() { return kafka_broker::shared().servers(); }

/// An attempt that dies at its `step`th step, then one more that dies at `again` (if any), then one to the end.
std::string disturbed(const std::string& name, uint64_t step, std::optional<uint64_t> again, bool check, uint64_t& steps) {
  kafka_sink_run run(servers(), name, name, [check](kafka_sink_settings& made) { made.guards.check_marker = check; });
  std::optional<uint64_t> left = step;
  uint64_t seen = 0;
  run.between = [&]() -> result<void> {
    ++seen;
    if (!left || (*left)-- > 0) return {};
    left.reset();
    return fail(error_code::cancelled, "crash");
  };
  constexpr int32_t rows = 5, end = 3 * rows;
  const auto attempt = [&]() -> result<void> {
    SYSTOLE_TRY(run.begin(2));
    while (run.position() < end) {
      // One epoch is aborted: staged, and never complete; its rows join the next.
      if (run.position() == rows) {
        SYSTOLE_TRY(run.write(2));
        SYSTOLE_TRY(run.stage());
        SYSTOLE_TRY(run.epoch(rows - 2));
      } else {
        SYSTOLE_TRY(run.epoch(rows - run.position() % rows));
      }
    }
    return {};
  };
  for (int i = 0; i < 4; ++i) {
    const auto ran = attempt();
    steps = seen;
    if (ran) return run.difference(servers());
    if (ran.error().code != error_code::cancelled) return ran.error().message;
    if (i == 0 && again) left = again;
  }
  return "does not come to its end";
}

TEST(kafka_sink_exactly_once, after_a_crash_at_every_step) {
  uint64_t steps = 0;
  ASSERT_EQ(disturbed("undisturbed", 1'000, std::nullopt, true, steps), "");
  ASSERT_GT(steps, 20u);
  std::atomic<uint64_t> next{0};
  std::mutex mutex;
  std::string wrong;
  std::vector<std::thread> threads;  // a broker's answers are waited for, most of the time
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (uint64_t step; (step = next++) < steps;) {
        uint64_t ignored = 0;
        const std::string name = "crash-" + std::to_string(step);
        const auto again = step % 3 == 0 ? std::optional<uint64_t>(step % 7) : std::nullopt;
        const std::string found = disturbed(name, step, again, true, ignored);
        const std::lock_guard lock(mutex);
        if (!found.empty()) wrong += "step " + std::to_string(step) + ": " + found + "\n";
      }
    });
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(wrong, "");
}

TEST(kafka_sink_exactly_once, control_without_the_marker_s_word) {
  kafka_sink_run run(servers(), "control", "control", [](kafka_sink_settings& made) { made.guards.check_marker = false; });
  ASSERT_OK(run.begin(1));
  ASSERT_OK(run.epoch(3));  // committed, and the crash comes before anybody writes that down
  ASSERT_OK(run.begin(1));
  EXPECT_NE(run.difference(servers()), "");
}

TEST(kafka_sink_exactly_once, control_without_fencing) {
  // The staged transaction of the dead attempt stays open and hides everything behind it.
  kafka_sink_run run(servers(), "unfenced", "unfenced", [](kafka_sink_settings& made) {
    made.guards.fence = false;
    made.answer_ms = 3'000;
  });
  ASSERT_OK(run.begin(1));
  ASSERT_OK(run.write(3));
  ASSERT_OK(run.stage());
  const auto zombies = run.take_writers();
  run.complete();
  const auto again = run.begin(1);
  // Either the marker cannot be read, or the zombie's commit doubles what was replayed.
  if (again) {
    (void)zombies[0]->commit(run.last()->epoch).has_value();
    EXPECT_NE(run.difference(servers()), "");
  } else {
    EXPECT_EQ(again.error().code, error_code::unavailable) << again.error().message;
  }
}

TEST(kafka_sink_exactly_once, a_reader_sees_whole_epochs_only) {
  kafka_sink_run run(servers(), "whole", "whole");
  ASSERT_OK(run.begin(1));
  ASSERT_OK(run.epoch(4));
  ASSERT_OK(run.write(4));
  ASSERT_OK(run.stage());
  EXPECT_GE(read_topic(servers(), "whole", false).size(), 8u) << "the rows are there before the checkpoint is complete";
  const auto client = kafka_client::make(kafka_role::consumer, "c", {{"bootstrap.servers", servers()}},
                                         {{"isolation.level", "read_committed"}});
  ASSERT_TRUE(client.has_value());
  int64_t visible = 0;
  for (uint32_t p = 0; p < 2; ++p)
    visible += kafka_partition_offsets(**client, "whole", p, std::chrono::milliseconds(5000)).value().end;
  EXPECT_LE(visible, 4 + 2) << "rows and the ends of their transactions";
  run.complete();
  ASSERT_OK(run.commit());
  EXPECT_EQ(run.difference(servers()), "");
}

TEST(kafka_sink_exactly_once, an_outage_longer_than_the_transaction_s_time_out_costs_a_replay) {
  kafka_sink_run run(servers(), "slow", "slow", [](kafka_sink_settings& made) { made.transaction_timeout_ms = 1'000; });
  ASSERT_OK(run.begin(2));
  ASSERT_OK(run.epoch(6));
  ASSERT_OK(run.write(6));
  ASSERT_OK(run.stage());
  run.complete();
  // Waits until the broker has ended the transactions.
  EXPECT_EQ(read_topic(servers(), "slow").size(), 6u);
  ASSERT_OK(run.commit());
  EXPECT_EQ(run.difference(servers()), "");
  ASSERT_OK(run.epoch(6));
  EXPECT_EQ(run.difference(servers()), "");
}

TEST(kafka_sink_exactly_once, staged_again_where_the_broker_has_given_an_aborted_epoch_up) {
  kafka_sink_run run(servers(), "given_up", "given_up", [](kafka_sink_settings& made) { made.transaction_timeout_ms = 1'000; });
  ASSERT_OK(run.begin(1));
  ASSERT_OK(run.write(6));
  ASSERT_OK(run.stage());
  EXPECT_EQ(read_topic(servers(), "given_up").size(), 0u);
  ASSERT_OK(run.epoch(6));
  EXPECT_EQ(run.difference(servers()), "");
}

TEST(kafka_sink_exactly_once, rescaled_from_3_to_1_to_2) {
  kafka_sink_run run(servers(), "rescaled", "rescaled");
  ASSERT_OK(run.begin(3));
  ASSERT_OK(run.epoch(10));
  ASSERT_OK(run.write(10));
  ASSERT_OK(run.stage());
  run.complete();  // and the process dies: three old shards are resolved, one goes on
  ASSERT_OK(run.begin(1));
  EXPECT_EQ(run.difference(servers()), "");
  ASSERT_OK(run.epoch(10));
  ASSERT_OK(run.write(10));
  ASSERT_OK(run.stage());
  run.complete();
  ASSERT_OK(run.begin(2));
  EXPECT_EQ(run.difference(servers()), "");
  ASSERT_OK(run.epoch(10));
  ASSERT_OK(run.begin(3));  // before any epoch of its own: the shards begin where the checkpoint is
  ASSERT_OK(run.begin(3));
  ASSERT_OK(run.epoch(10));
  EXPECT_EQ(run.difference(servers()), "");
}

TEST(kafka_sink_exactly_once, a_zombie_neither_commits_nor_throws_the_live_one_out) {
  std::atomic<bool> first_is_current{true};
  int attempt = 0;
  kafka_sink_run run(servers(), "zombie", "zombie", [&](kafka_sink_settings& made) {
    if (++attempt == 1) made.still_current = [&] { return first_is_current.load(); };
  });
  ASSERT_OK(run.begin(1));
  ASSERT_OK(run.epoch(3));
  ASSERT_OK(run.write(3));
  ASSERT_OK(run.stage());
  auto zombies = run.take_writers();
  run.complete();
  const commit_epoch epoch = run.last()->epoch;
  first_is_current = false;
  ASSERT_OK(run.begin(1));
  ASSERT_OK(run.write(3));
  ASSERT_OK(run.stage());
  const auto late = zombies[0]->commit(epoch);
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code, error_code::fenced) << late.error().message;
  run.complete();
  ASSERT_OK(run.commit());
  EXPECT_EQ(run.difference(servers()), "");
}

TEST(kafka_sink_exactly_once, does_not_go_on_behind_a_later_epoch_nor_in_another_run_s_topic) {
  kafka_sink_run run(servers(), "behind", "behind");
  ASSERT_OK(run.begin(1));
  ASSERT_OK(run.epoch(3));
  kafka_sink_run anew(servers(), "behind", "behind");
  const auto foreign = anew.begin(1);
  ASSERT_FALSE(foreign.has_value());
  EXPECT_EQ(foreign.error().code, error_code::already_exists);
  EXPECT_NE(foreign.error().message.find("another run"), std::string::npos) << foreign.error().message;
}

TEST(kafka_sink_errors, a_record_that_is_too_large_is_told_before_the_checkpoint) {
  kafka_broker::shared().create_topic("small", 1, {{"max.message.bytes", "2000"}});
  kafka_sink_run run(servers(), "small", "small");
  ASSERT_OK(run.begin(1));
  ASSERT_OK(run.writers()[0]->write(kafka_rows({{1, std::string(5'000, 'x')}})));
  const auto staged = run.stage();
  ASSERT_FALSE(staged.has_value());
  EXPECT_EQ(staged.error().code, error_code::limit_exceeded) << staged.error().message;
  EXPECT_NE(staged.error().message.find("small"), std::string::npos) << staged.error().message;
  EXPECT_EQ(staged.error().message.find("xxx"), std::string::npos) << "no values in messages";
  EXPECT_EQ(read_topic(servers(), "small").size(), 0u) << "and no transaction stays open";
}

TEST(kafka_sink_records, may_be_larger_than_what_is_gathered) {
  for (const bool at_least_once : {false, true}) {
    const std::string topic = at_least_once ? "large-plain" : "large";
    kafka_broker::shared().create_topic(topic, 1, {{"max.message.bytes", "8388608"}});
    kafka_sink_run run(servers(), topic, topic, [at_least_once](kafka_sink_settings& made) {
      made.client["message.max.bytes"] = "8388608";
      made.at_least_once = at_least_once;
      if (at_least_once) made.marker_topic.clear();
    });
    ASSERT_OK(run.begin(1));
    const size_t gathered = at_least_once ? limits::kafka_queue_kibibytes * limits::kibibyte : limits::kafka_request_bytes;
    const std::string name(gathered + 1, 'x');
    ASSERT_OK(run.writers()[0]->write(kafka_rows({{1, name}, {2, name}})));
    ASSERT_OK(run.stage());
    run.complete();
    ASSERT_OK(run.commit());
    EXPECT_EQ(read_topic(servers(), topic).size(), 2u);
  }
}

TEST(kafka_sink_records, that_gather_do_not_wait_for_the_barrier) {
  // What waits for it in memory has a small limit, at which sources pause; what gathers goes to disk by itself.
  kafka_broker::shared().create_topic("gathering", 2);
  kafka_sink_run run(servers(), "gathering", "gathering");
  ASSERT_OK(run.begin(1));
  ASSERT_OK(run.writers()[0]->write(kafka_rows({{1, "a"}, {2, "b"}})));
  EXPECT_GT(run.writers()[0]->outbox_bytes(), 0u);
  EXPECT_EQ(run.writers()[0]->held_memory_bytes(), 0u);
}

TEST(kafka_sink_records, are_compressed_so_that_other_readers_take_them) {
  for (const std::string codec : {"gzip", "snappy", "lz4", "zstd"}) {
    SCOPED_TRACE(codec);
    kafka_broker::shared().create_topic("packed-" + codec, 2);
    kafka_sink_run run(servers(), "packed-" + codec, "packed-" + codec,
                       [&codec](kafka_sink_settings& made) { made.client["compression.type"] = codec; });
    ASSERT_OK(run.begin(1));
    ASSERT_OK(run.epoch(3'000));
    EXPECT_EQ(run.difference(servers()), "");
  }
}

TEST(kafka_sink_errors, a_topic_that_goes_away_is_told_before_the_checkpoint) {
  kafka_broker::shared().create_topic("gone", 1);
  kafka_sink_run run(servers(), "gone", "gone", [](kafka_sink_settings& made) { made.create_if_missing = false; });
  ASSERT_OK(run.begin(1));
  ASSERT_OK(run.epoch(2));
  kafka_broker::shared().delete_topic("gone");
  ASSERT_OK(run.write(2));
  const auto staged = run.stage();
  ASSERT_FALSE(staged.has_value());
  EXPECT_NE(staged.error().message.find("gone"), std::string::npos) << staged.error().message;
}

TEST(kafka_sink_errors, a_missing_topic_is_told_at_the_start) {
  kafka_sink_run run(servers(), "missing", "missing", [](kafka_sink_settings& made) { made.create_if_missing = false; });
  const auto begun = run.begin(1);
  ASSERT_FALSE(begun.has_value());
  EXPECT_EQ(begun.error().code, error_code::invalid_argument);
  EXPECT_NE(begun.error().message.find("createTopic"), std::string::npos) << begun.error().message;
}

TEST(kafka_sink_records, have_keys_headers_and_tombstones) {
  const auto settings = [](kafka_sink_settings& made) {
    made.records.key = {0};
    made.records.upsert = true;
    made.records.headers = {{"who", 1}};
  };
  kafka_sink_run run(servers(), "keyed", "keyed", settings);
  ASSERT_OK(run.begin(1));
  using enum row_kind;
  // Within an epoch a key's changes are one.
  ASSERT_OK(run.writers()[0]->write(kafka_rows({{1, "a"}, {2, "b"}, {3, std::nullopt}}, true)));
  ASSERT_OK(run.writers()[0]->write(
      kafka_rows({{1, "a", update_before}, {1, "c", update_after}, {2, "b", erase}, {4, "x", insert}, {4, "x", erase}}, true)));
  ASSERT_OK(run.stage());
  run.complete();
  ASSERT_OK(run.commit());
  ASSERT_OK(run.writers()[0]->write(kafka_rows({{1, "c", erase}}, true)));
  ASSERT_OK(run.stage());
  run.complete();
  ASSERT_OK(run.commit());
  std::map<std::string, std::vector<topic_record>> found;
  for (topic_record& each : read_topic(servers(), "keyed")) found[each.key.value()].push_back(std::move(each));
  ASSERT_EQ(found.size(), 2u) << "what was made and erased in one epoch is not there";
  const auto& one = found["{\"id\":1}"];
  ASSERT_EQ(one.size(), 2u);
  EXPECT_EQ(one[0].value, "{\"id\":1,\"name\":\"c\"}");
  ASSERT_EQ(one[0].headers.size(), 1u);
  EXPECT_EQ(one[0].headers[0].first, "who");
  EXPECT_EQ(one[0].headers[0].second, "c");
  EXPECT_EQ(one[1].value, std::nullopt) << "a tombstone";
  EXPECT_EQ(one[0].partition, one[1].partition);
  EXPECT_EQ(found["{\"id\":3}"][0].headers[0].second, std::nullopt);
  EXPECT_EQ(found["{\"id\":3}"][0].value, "{\"id\":3,\"name\":null}");
  // Where a Java client would put it, and librdkafka with murmur2.
  produce(servers(), "keyed", {{.key = "{\"id\":1}", .value = "other"}}, {{"partitioner", "murmur2"}});
  for (const topic_record& each : read_topic(servers(), "keyed")) {
    if (each.value == "other") {
      EXPECT_EQ(each.partition, one[0].partition);
    }
  }
}

TEST(kafka_sink_at_least_once, confirms_at_the_barrier_and_tells_what_failed) {
  kafka_broker::shared().create_topic("plain", 2, {{"max.message.bytes", "2000"}});
  kafka_sink_run run(servers(), "plain", "plain", [](kafka_sink_settings& made) {
    made.at_least_once = true;
    made.marker_topic.clear();
  });
  ASSERT_OK(run.begin(2));
  ASSERT_OK(run.write(10));
  ASSERT_OK(run.stage());
  run.complete();
  EXPECT_EQ(run.difference(servers()), "") << "without any commit";
  ASSERT_OK(run.writers()[0]->write(kafka_rows({{1, std::string(5'000, 'x')}})));
  const auto staged = run.stage();
  ASSERT_FALSE(staged.has_value());
  EXPECT_EQ(staged.error().code, error_code::limit_exceeded) << staged.error().message;
}

TEST(kafka_sink_at_least_once, a_changelog_is_seen_before_the_barrier) {
  kafka_broker::shared().create_topic("early", 1);
  kafka_sink_run run(servers(), "early", "early", [](kafka_sink_settings& made) {
    made.at_least_once = true;
    made.marker_topic.clear();
    made.records.key = {0};
    made.records.upsert = true;
  });
  ASSERT_OK(run.begin(1));
  using enum row_kind;
  ASSERT_OK(run.writers()[0]->write(kafka_rows({{1, "a"}, {1, "a", update_before}, {1, "b", update_after}, {2, "c"}}, true)));
  std::map<std::string, std::optional<std::string>> found;
  for (const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
       found.size() < 2 && std::chrono::steady_clock::now() < until;)
    for (topic_record& each : read_topic(servers(), "early")) found[each.key.value()] = each.value;
  EXPECT_EQ(found["{\"id\":1}"], "{\"id\":1,\"name\":\"b\"}");
  EXPECT_EQ(found["{\"id\":2}"], "{\"id\":2,\"name\":\"c\"}");
  ASSERT_OK(run.stage());
  EXPECT_EQ(read_topic(servers(), "early").size(), 2u) << "the barrier sends nothing again";
}

}  // namespace
}  // namespace systole::testing
