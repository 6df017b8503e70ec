#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "data/batch.h"

namespace systole {

/// A record that could not be decoded.
struct decode_reject {
  std::string reason;       ///< names the field and the kind of error, never a value
  std::string sqlstate;
  std::string raw;          ///< the bytes as they came, cut to limits::record_bytes
  std::string topic;        ///< file name or topic
  uint32_t partition = 0;   ///< split
  uint64_t offset = 0;      ///< byte offset or broker offset
};

/// What one poll gave. Rows first, then rejects, then the watermark.
struct source_poll {
  enum class kind {
    rows,      ///< something came; poll again at once
    idle,      ///< nothing now; poll again after `wait` or when woken
    finished,  ///< bounded and read to the end; no further poll
  };
  kind what = kind::rows;
  batch rows;                                 ///< may be empty
  uint64_t records = 0;                       ///< records read, rejected ones too
  uint64_t bytes = 0;
  uint64_t filtered = 0;                      ///< rows that the pushed-down predicate dropped
  std::vector<decode_reject> rejects;
  timestamp_us watermark = watermark_none;    ///< of this reader after these rows; monotone
  bool idle_for_watermark = false;            ///< the reader has no say in the watermark now
  std::chrono::microseconds wait{1000};
};

/// Reads the splits of one subtask. Runs on the source task's own thread: it may block for a disk read, not for longer.
class source_reader {
 public:
  virtual ~source_reader() = default;
  /// Gives at most limits::batch_rows rows (or what the options say), cut where the watermark advances.
  virtual result<source_poll> poll() = 0;
  /// Given before the first poll. A reader that is told of news by another thread calls `wake` (any thread; cheap) after
  /// an idle poll, and may then ask for long waits.
  virtual void wake_with(std::function<void()> wake) { (void)wake; }
  /// Records that are there and were not given yet, as far as the reader knows without asking anybody; nothing where it
  /// cannot tell. Cheap; now and then, by the thread that polls.
  virtual std::optional<uint64_t> lag_records() const { return std::nullopt; }
  /// The positions after the rows given so far; restored by restore(). Self-describing and versioned.
  virtual std::string snapshot() = 0;
};

/// What a source's enumerator needs of its restored readers and gives to its new ones: all splits with their positions.
/// Splits are dealt anew over the subtasks, so that a job restores at another parallelism.
class source_factory {
 public:
  virtual ~source_factory() = default;
  /// True where every split has an end.
  virtual bool bounded() const = 0;
  /// Looks whether what is read has what the schema asks for: what a submission asks before it takes the job. `unavailable`
  /// where that cannot be asked now. Blocks.
  virtual result<void> check_origin() const { return {}; }
  /// Makes the reader of one subtask. `restored`: the snapshots of all readers of the checkpoint, none on a fresh start.
  virtual result<std::unique_ptr<source_reader>> make_reader(uint32_t subtask, uint32_t parallelism,
                                                             const std::vector<std::string>& restored) = 0;
};

}  // namespace systole
