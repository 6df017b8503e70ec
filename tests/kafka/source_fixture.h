#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>

#include "base/clock.h"
#include "base/file_system.h"
#include "connectors/factory.h"
#include "tests/kafka/kafka_broker.h"
#include "tests/kafka/kafka_records.h"

namespace systole {

/// The time of a source under test: real, with what a test adds. Thread-safe enough for one that moves it.
class shifted_clock final : public clock {
 public:
  timestamp_us now_us() const override { return system_clock().now_us() + shift_us; }
  std::chrono::nanoseconds monotonic() const override { return system_clock().monotonic() + std::chrono::microseconds(shift_us); }
  int64_t shift_us = 0;
};

/// What came of a reader.
struct seen_rows {
  std::vector<int64_t> numbers;           ///< column n
  std::vector<batch> batches;
  std::vector<decode_reject> rejects;
  uint64_t records = 0, filtered = 0;
  timestamp_us watermark = watermark_none;
  bool idle = false, finished = false;
  size_t polls = 0;
  size_t rows() const { return numbers.size(); }
};

/// Makes Kafka sources over the binary's broker, each test with its own topic.
class kafka_source_fixture : public ::testing::Test {
 protected:
  kafka_source_fixture() : kafka_source_fixture(kafka_broker::shared(), kafka_broker::shared().servers()) {}
  /// Over another one, that the cluster at `bootstrap` has.
  kafka_source_fixture(kafka_broker& of, std::string bootstrap) : broker(of), servers(std::move(bootstrap)) {
    topic = ::testing::UnitTest::GetInstance()->current_test_info()->name();
  }

  /// n BIGINT, at TIMESTAMPTZ, JSON.
  proto::Source source() const {
    proto::Source made;
    made.set_kind(proto::Source::KAFKA);
    made.set_number(1);
    made.mutable_connection()->set_name("test");
    (*made.mutable_connection()->mutable_settings())["bootstrap.servers"] = servers;
    made.mutable_kafka()->set_topic(topic);
    made.mutable_kafka()->set_discovery_interval_us(200'000);
    made.mutable_decoder()->set_format(proto::Decoder::JSON);
    made.mutable_decoder()->set_lenient_json(true);
    add_column(made, "n", type_id::int64);
    add_column(made, "at", type_id::timestamptz);
    return made;
  }
  proto::Source timed(int64_t idle_us = 0, int64_t drift_us = 0) const {
    proto::Source made = source();
    made.mutable_watermark()->set_column("at");
    made.mutable_watermark()->set_idle_timeout_us(idle_us);
    made.mutable_watermark()->set_max_drift_us(drift_us);
    return made;
  }
  static proto::SourceColumn& add_column(proto::Source& to, const std::string& name, type_id type,
                                         proto::SourceColumn::KafkaPart part = proto::SourceColumn::VALUE) {
    proto::SourceColumn& column = *to.add_columns();
    column.mutable_field()->set_name(name);
    column.mutable_field()->mutable_type()->set_id(static_cast<uint32_t>(type));
    column.add_path(name);
    column.set_kafka(part);
    return column;
  }

  std::unique_ptr<source_factory> factory(const proto::Source& made) {
    connector_context context;
    context.files = &posix_file_system();
    context.time = &time;
    context.parameters = &parameters;
    context.batch_rows = 1024;
    if (made.watermark().max_drift_us() > 0) context.alignment = std::make_shared<split_alignment>();
    proto::Node node;
    node.set_step("events");
    *node.mutable_source() = made;
    auto built = make_source(node, context);
    if (!built) throw std::runtime_error(built.error().message);
    return std::move(built).value();
  }

  /// Polls `from` as its task does, until `enough` says so; sleeps only as long as the reader allows, and is woken by it.
  /// Fails the test after `most`.
  result<void> poll_until(source_reader& from, seen_rows& seen, const std::function<bool(const seen_rows&)>& enough,
                          std::chrono::milliseconds most = std::chrono::seconds(40)) {
    const auto deadline = std::chrono::steady_clock::now() + most;
    while (!enough(seen)) {
      if (std::chrono::steady_clock::now() > deadline)
        return fail(error_code::internal, "the test waited too long; rows: " + std::to_string(seen.rows()));
      SYSTOLE_ASSIGN(source_poll polled, from.poll());
      ++seen.polls;
      take(polled, seen);
      if (polled.what == source_poll::kind::finished) return {};
      if (polled.what != source_poll::kind::idle) continue;
      std::unique_lock lock(woken_->mutex);
      woken_->changed.wait_for(lock, polled.wait, [this] { return woken_->woken; });
      woken_->woken = false;
    }
    return {};
  }
  /// The positions of a reader that has read `count` rows of the topic. Fails the test where they do not come.
  std::string snapshot_after(size_t count) {
    auto from = factory(source());
    auto read = reader(*from);
    seen_rows seen;
    EXPECT_TRUE(poll_until(*read, seen, [count](const seen_rows& it) { return it.rows() >= count; }));
    return read->snapshot();
  }
  static void take(source_poll& polled, seen_rows& seen) {
    for (size_t row = 0; row < polled.rows.rows(); ++row) seen.numbers.push_back(polled.rows.at(0).values<int64_t>()[row]);
    if (polled.rows.rows() > 0) seen.batches.push_back(polled.rows);
    std::move(polled.rejects.begin(), polled.rejects.end(), std::back_inserter(seen.rejects));
    seen.records += polled.records;
    seen.filtered += polled.filtered;
    EXPECT_GE(polled.watermark, polled.watermark == watermark_none ? watermark_none : seen.watermark);
    seen.watermark = std::max(seen.watermark, polled.watermark);
    seen.idle = polled.idle_for_watermark;
    seen.finished = polled.what == source_poll::kind::finished;
  }
  void wake_with_test(source_reader& reader) {
    reader.wake_with([woken = woken_] {
      const std::lock_guard lock(woken->mutex);
      woken->woken = true;
      woken->changed.notify_all();
    });
  }
  std::unique_ptr<source_reader> reader(source_factory& of, uint32_t subtask = 0, uint32_t parallelism = 1,
                                        const std::vector<std::string>& restored = {}) {
    auto made = of.make_reader(subtask, parallelism, restored);
    if (!made) throw std::runtime_error(made.error().message);
    wake_with_test(**made);
    return std::move(made).value();
  }
  static std::function<bool(const seen_rows&)> rows(size_t wanted) {
    return [wanted](const seen_rows& seen) { return seen.rows() >= wanted; };
  }

  static constexpr int64_t first_us = 1'767'225'600'000'000;  // 2026-01-01
  /// A record's value: n, and its time `second` seconds into 2026-01-01.
  static std::string value(int64_t n, int64_t second = 0) {
    char text[96];
    std::snprintf(text, sizeof(text), R"({"n":%lld,"at":"2026-01-01T%02lld:%02lld:%02lldZ"})", static_cast<long long>(n),
                  static_cast<long long>(second / 3600), static_cast<long long>(second / 60 % 60),
                  static_cast<long long>(second % 60));
    return text;
  }
  void give(const std::vector<int64_t>& numbers, int partition = 0) {
    std::vector<std::string> values;
    for (int64_t n : numbers) values.push_back(value(n, n));
    produce_values(servers, topic, values, partition);
  }

  struct wake_up {
    std::mutex mutex;
    std::condition_variable changed;
    bool woken = false;
  };
  kafka_broker& broker;
  std::string servers;
  std::string topic;
  shifted_clock time;
  parameter_map parameters;
  std::shared_ptr<wake_up> woken_ = std::make_shared<wake_up>();
};

}  // namespace systole
