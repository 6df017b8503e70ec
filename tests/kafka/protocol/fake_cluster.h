#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/kafka/protocol/answers.h"

namespace systole::testing {

/// A Fetch, as a client asked for it.
struct asked_fetch {
  struct partition {
    int32_t number;
    int64_t offset;
  };
  int32_t max_wait_ms = 0, min_bytes = 0, max_bytes = 0, partition_bytes = 0;
  int8_t isolation = 0;
  std::vector<partition> partitions;
  std::string rack;

  /// The offset wanted of a partition; below 0: none.
  int64_t offset_of(int32_t number) const;
};

/// What a broker does about a request.
struct reaction {
  std::string body;                   ///< behind the correlation's number
  bool waits = false;                 ///< first as long as a Fetch may, as a broker without records does
  bool silent = false;                ///< says nothing, and keeps the connection
  size_t cut_after = std::string::npos;  ///< closes the connection after so many bytes of the answer, its length among them
  std::string instead = {};           ///< these bytes, no answer
};

/// Brokers with the numbers 1, 2, ... on loopback ports, which do what a test tells them and speak ApiVersions v0, Metadata
/// v8, ListOffsets v2, Fetch v11 and SASL's two requests. A thread for each connection; what is told to do is done under one lock, one
/// request at a time, and may be changed within locked().
class fake_cluster {
 public:
  explicit fake_cluster(int32_t nodes);
  ~fake_cluster() { stop(); }
  fake_cluster(const fake_cluster&) = delete;
  fake_cluster& operator=(const fake_cluster&) = delete;

  // What each node (its number) does.
  std::function<reaction(int32_t)> versions, metadata, handshake, authenticate;
  std::function<reaction(int32_t, const asked_fetch&)> fetch;
  /// ListOffsets of a partition: -2 the first one kept, -1 the end.
  std::function<reaction(int32_t, int32_t partition, int64_t which)> offsets;
  /// Given by `metadata` where a test does not say otherwise.
  metadata_answer leaders;

  metadata_answer::node node(int32_t number) const { return {number, "127.0.0.1", ports_.at(static_cast<size_t>(number) - 1)}; }
  void locked(const std::function<void()>& change) {
    const std::lock_guard lock(mutex_);
    change();
  }
  /// Nothing is done any more, and what was done may be looked at.
  void stop();
  /// Whether it comes true, looked at after each request; ten seconds are given.
  bool comes_true(const std::function<bool()>& holds);

 private:
  struct connection {
    int socket;
    std::thread thread;
  };
  void accept_all(int32_t node, int listener);
  void serve(int32_t node, int socket);
  reaction react(int32_t node, int16_t key, std::string_view body, int32_t& may_wait_ms);

  std::mutex mutex_;
  std::condition_variable handled_, stopping_;
  bool stopped_ = false;
  std::vector<uint16_t> ports_;
  std::vector<int> listeners_;
  std::vector<std::thread> acceptors_;
  std::vector<connection> connections_;
};

/// A partition's records, in batches.
class fake_log {
 public:
  /// A batch behind the others.
  void add(const std::vector<std::string>& values);
  int64_t end() const { return end_; }
  /// At most so many batches, from the one that holds this offset on.
  std::string from(int64_t offset, size_t batches) const;
  /// A good answer's part.
  fetched_part part(int32_t partition, int64_t offset, size_t batches = 1) const {
    return {.partition = partition, .last_stable = end_, .records = from(offset, batches)};
  }

 private:
  std::vector<std::pair<int64_t, std::string>> batches_;  ///< the offset behind each
  int64_t end_ = 0;
};

/// An answer with these parts, which waits where there are no records in it.
reaction give(const std::vector<fetched_part>& parts);

}  // namespace systole::testing
