#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kafka/fetcher.h"
#include "tests/kafka/protocol/fake_cluster.h"

namespace systole::testing {

/// A fetcher of the topic "vitals" beside a fake cluster, which ends with it: what it is told to do may hold what was made
/// before this.
class fetching {
 public:
  explicit fetching(fake_cluster& cluster, size_t queue_bytes = 1 << 20) : cluster_(cluster), queue_bytes_(queue_bytes) {
    options.connection = "hospital";
    const metadata_answer::node first = cluster.node(1);
    options.bootstrap = {{first.host, first.port}};
    options.first_backoff = std::chrono::milliseconds(1);
    options.most_backoff = std::chrono::milliseconds(5);
    options.fetch_wait = std::chrono::milliseconds(20);
    options.answer_time = std::chrono::seconds(60);
  }
  ~fetching() { finish(); }
  fetching(const fetching&) = delete;
  fetching& operator=(const fetching&) = delete;
  /// To be changed before start().
  kafka_client_options options;

  void start() {
    auto made = kafka_fetcher::start(options, "vitals", queue_bytes_, [this] { ring(); });
    ASSERT_TRUE(made);
    fetcher = std::move(*made);
  }
  /// Begins a partition.
  kafka_partition_feed& read(uint32_t partition, int64_t offset = 0) {
    if (!fetcher) start();
    feeds_.push_back(fetcher->add(partition, offset));
    return *feeds_.back();
  }

  /// The next thing, waited for: "3=c", "all before 5", "no 5", "refused: ...", "failed: ...".
  std::string next(kafka_partition_feed& feed) {
    using kind = kafka_partition_feed::kind;
    while (true) {
      const size_t seen = rings();
      kafka_record record;
      switch (feed.next(record)) {
        case kind::record: return std::to_string(record.offset) + "=" + std::string(record.value);
        case kind::caught_up: return "all before " + std::to_string(feed.offset());
        case kind::out_of_range: return "no " + std::to_string(feed.offset());
        case kind::refused: return "refused: " + feed.cause().message;
        case kind::nothing: break;
      }
      if (const auto failed = fetcher->failed()) return "failed: " + failed->message;
      if (!rings_beyond(seen)) return "nothing in ten seconds";
    }
  }
  /// Records up to what is none, which is the last.
  std::vector<std::string> next_all(kafka_partition_feed& feed) {
    std::vector<std::string> made;
    do made.push_back(next(feed));
    while (made.back().find('=') < made.back().find(' '));
    return made;
  }

  /// How long it takes to end.
  std::chrono::milliseconds end() {
    const auto begin = std::chrono::steady_clock::now();
    feeds_.clear();
    fetcher.reset();
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
  }

  /// Ends it and the cluster.
  void finish() {
    end();
    cluster_.stop();
  }

  std::unique_ptr<kafka_fetcher> fetcher;

 private:
  void ring() {
    const std::lock_guard lock(mutex_);
    ++rings_;
    rang_.notify_all();
  }
  size_t rings() {
    const std::lock_guard lock(mutex_);
    return rings_;
  }
  bool rings_beyond(size_t seen) {
    std::unique_lock lock(mutex_);
    return rang_.wait_for(lock, std::chrono::seconds(10), [&] { return rings_ > seen; });
  }

  fake_cluster& cluster_;
  const size_t queue_bytes_;
  std::mutex mutex_;
  std::condition_variable rang_;
  size_t rings_ = 0;
  std::vector<std::unique_ptr<kafka_partition_feed>> feeds_;  // end before the fetcher
};

}  // namespace systole::testing
