#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/kafka/protocol/batch_bytes.h"

namespace systole::testing {

// A broker's answers, as https://kafka.apache.org/protocol has them, behind the correlation's number.

struct api_range {
  int16_t key, first, last;
};
/// ApiVersions v0.
inline std::string versions_answer(const std::vector<api_range>& known, int16_t error = 0) {
  std::string made;
  put(made, error);
  put(made, static_cast<int32_t>(known.size()));
  for (const api_range& each : known)
    for (const int16_t number : {each.key, each.first, each.last}) put(made, number);
  return made;
}

/// Metadata v8.
struct metadata_answer {
  struct node {
    int32_t id;
    std::string host;
    uint16_t port;
  };
  struct partition {
    int32_t number, leader;
  };
  std::vector<node> nodes = {};
  std::vector<partition> partitions = {};
  int16_t error = 0;
  std::string topic = "vitals";

  std::string bytes() const {
    std::string made;
    put(made, int32_t{0});  // throttled for
    put(made, static_cast<int32_t>(nodes.size()));
    for (const node& each : nodes) {
      put(made, each.id);
      put_text(made, each.host);
      put(made, int32_t{each.port});
      put(made, int16_t{-1});  // no rack
    }
    put_text(made, "cluster");
    put(made, int32_t{1});  // the controller
    put(made, int32_t{1});  // topics
    put(made, error);
    put_text(made, topic);
    put(made, int8_t{0});
    put(made, static_cast<int32_t>(partitions.size()));
    for (const partition& each : partitions) {
      put(made, static_cast<int16_t>(each.leader < 0 ? 5 : 0));
      put(made, each.number);
      put(made, each.leader);
      put(made, int32_t{3});  // the leader's epoch
      for (const std::vector<int32_t>& list : {std::vector<int32_t>{1, 2}, {1}, {}}) {  // replicas, in sync, offline
        put(made, static_cast<int32_t>(list.size()));
        for (const int32_t replica : list) put(made, replica);
      }
    }
    put(made, INT32_MIN);  // what the user may do with the topic, and with the cluster: not asked for
    put(made, INT32_MIN);
    return made;
  }
};

/// One partition's part of Fetch v11.
struct fetched_part {
  int32_t partition = 0;
  int16_t error = 0;
  int64_t last_stable = -1;
  std::vector<std::pair<int64_t, int64_t>> aborted = {};  ///< producer, first offset
  int32_t preferred = -1;
  std::string records = {};
};
inline std::string fetch_answer(const std::string& topic, const std::vector<fetched_part>& parts, int16_t error = 0) {
  std::string made;
  put(made, int32_t{0});  // throttled for
  put(made, error);
  put(made, int32_t{0});  // session
  put(made, int32_t{1});
  put_text(made, topic);
  put(made, static_cast<int32_t>(parts.size()));
  for (const fetched_part& each : parts) {
    put(made, each.partition);
    put(made, each.error);
    put(made, each.last_stable);  // high watermark
    put(made, each.last_stable);
    put(made, int64_t{0});
    put(made, static_cast<int32_t>(each.aborted.empty() ? -1 : static_cast<int32_t>(each.aborted.size())));
    for (const auto& [producer, first] : each.aborted) {
      put(made, producer);
      put(made, first);
    }
    put(made, each.preferred);
    put(made, static_cast<int32_t>(each.records.size()));
    made += each.records;
  }
  return made;
}

/// ListOffsets v2, of one partition.
inline std::string listed_answer(int32_t partition, int64_t offset, int16_t error = 0) {
  std::string made;
  put(made, int32_t{0});  // throttled for
  put(made, int32_t{1});
  put_text(made, "vitals");
  put(made, int32_t{1});
  put(made, partition);
  put(made, error);
  put(made, int64_t{-1});  // time
  put(made, offset);
  return made;
}

}  // namespace systole::testing
