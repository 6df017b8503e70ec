#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace systole {

/// A line of a dead letter, read back. `reason`, `event_time` and `raw` come of the record, which is patient data: no
/// log line and no error has them.
struct dead_letter_entry {
  std::string id;    ///< its place in the dead letter: PART:BYTE of its line's begin
  std::string step;  ///< that rejected the record
  std::string rule;
  std::string sqlstate;  ///< empty: none
  std::string source;    ///< the source that read the record; empty where it is not known
  std::string topic;     ///< what the record was read from: a file, a topic, or the source's name
  std::optional<int64_t> partition, offset;
  std::string reason;
  std::string event_time;          ///< as it was written; empty: none
  std::optional<std::string> raw;  ///< the record's bytes as they came; none where a step made the row
};

/// Which entries, in the order in which they were published.
struct dead_letter_query {
  static constexpr uint32_t most_allowed = 1'000;
  std::string after;       ///< an id: those behind it; empty: from the first
  std::string step, rule;  ///< only those; empty: all
  uint32_t most = most_allowed;
};

struct dead_letter_page {
  std::string sink;  ///< the dead letter's step
  std::vector<dead_letter_entry> entries;
  std::string next;  ///< the id to ask for what follows; empty: that was all
};

}  // namespace systole
