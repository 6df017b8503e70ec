#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "state/changes/delta_format.h"
#include "state/changes/segment_reader.h"
#include "state/state_part.h"

namespace systole {

/// A record with where it belongs; what sorted streams give.
struct placed_record {
  uint16_t group = 0;
  table_shape table;
  delta_record record;
};
/// The order of docs/format/state_keys.md; < 0, 0 or > 0.
int compare_placed(const placed_record& a, const placed_record& b);

/// Records in order, no key twice. One thread.
class record_stream {
 public:
  virtual ~record_stream() = default;
  /// False at the end. The record's views are valid until the next call.
  virtual result<bool> next(placed_record& at) = 0;
};

/// A merged base, which is sorted in its file; what counts of it.
std::unique_ptr<record_stream> sorted_segment(std::unique_ptr<segment_reader> reader, uint32_t max_parallelism,
                                              state_part part = {});

/// Takes records in the order of time and gives them sorted, of each key the last. Holds all bytes in memory, and 24 more
/// per record.
class record_sorter final : public record_stream {
 public:
  explicit record_sorter(uint32_t max_parallelism) : max_parallelism_(max_parallelism) {}

  /// Adds the records of a segment that count. Only before the first next().
  result<void> add(segment_reader& reader, const state_part& part = {});
  /// Adds records until memory_bytes() reaches `limit_bytes`; false at the end of the segment, else it goes on from there.
  result<bool> add_some(segment_reader& reader, const state_part& part, size_t limit_bytes);
  size_t memory_bytes() const { return memory_bytes_; }
  result<bool> next(placed_record& at) override;

 private:
  struct item {
    uint64_t prefix;
    const char* bytes;
    uint32_t number;  ///< in the order of time
    uint32_t length;
  };
  struct bucket_key {
    uint16_t group;
    uint32_t table;
    auto operator<=>(const bucket_key&) const = default;
  };
  struct bucket {
    table_shape table;
    std::vector<item> items;
  };
  static delta_record parse(const item& at, const table_shape& table);
  void sort(bucket& unsorted);

  uint32_t max_parallelism_;
  std::deque<std::string> blocks_;
  std::map<bucket_key, bucket> buckets_;
  std::vector<bucket*> bucket_of_group_;  ///< of the table that records were added to last
  std::optional<uint32_t> table_of_buckets_;
  std::map<bucket_key, bucket>::iterator at_;
  size_t next_item_ = 0;
  bool sorted_ = false;
  uint32_t numbers_ = 0;
  size_t memory_bytes_ = 0;
};

/// Merges streams; of equal keys the record of the later stream wins.
std::unique_ptr<record_stream> merge(std::vector<std::unique_ptr<record_stream>> oldest_first);

}  // namespace systole
