#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "state/changes/delta_segment.h"
#include "state/changes/record_stream.h"
#include "state/store/checkpoint_store.h"
#include "state/task_state.h"

namespace systole {

namespace limits {
/// Deltas in a chain before the newest of them are merged into one.
inline constexpr int delta_chain_files = 64;
}  // namespace limits

/// Makes, stores and reads a task's segment files. Paths are handed out to any thread, and any may open and write_run(); the rest is called by one at a
/// time.
class segment_files {
 public:
  explicit segment_files(const task_state_options& options) : options_(options) {}

  std::string next_path();
  std::shared_ptr<delta_segment> make_segment(uint64_t previous_epoch);
  result<proto::FileReference> put(const sealed_segment& sealed);
  result<std::unique_ptr<segment_reader>> open(const proto::FileReference& file) const;

  /// Which records write_sorted() leaves out besides those of other tasks' key groups.
  using record_filter = std::function<bool(const placed_record&)>;
  /// Writes a sorted stream as one segment; nothing where it is empty. A base has no erased records.
  result<std::optional<sealed_segment>> write_sorted(record_stream& records, bool is_base, epoch_id epoch,
                                                     const record_filter& leave_out);
  /// The same in a file that is not durable, for the time of an ingestion.
  result<std::optional<sealed_segment>> write_run(record_stream& records);
  /// Merges the newest deltas of a chain that has more than limits::delta_chain_files: geometric sizes, as in a size-tiered
  /// log-structured merge, so that each byte is merged a logarithmic number of times.
  result<void> shorten(google::protobuf::RepeatedPtrField<proto::FileReference>& deltas, epoch_id epoch);

 private:
  result<std::unique_ptr<segment_writer>> write_all(record_stream& records, bool is_base, const record_filter& leave_out);

  const task_state_options options_;
  std::mutex mutex_;
  uint64_t next_file_ = 0;
};

uint64_t total_bytes(const google::protobuf::RepeatedPtrField<proto::FileReference>& files);

}  // namespace systole
