#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/components.h"
#include "proto/plan.pb.h"

namespace systole::testing {

/// The world outside of a job, which survives its crashes: what is published, and the checkpoint store.
struct fake_world {
  std::mutex mutex;
  // The source: values 0 .. records-1, dealt to splits by value mod splits.
  int64_t records = 1000;
  uint32_t splits = 4;
  size_t rows_per_poll = 7;
  size_t rows_per_cut = 0;  ///< a reader gives so many rows between two barriers and then waits; 0: any number
  int64_t fail_at = -1;  ///< a reader fails before this value, `failures` times
  int failures = 0;
  error_code failure_code = error_code::io;
  bool endless = false;  ///< after the records: idle, never finished
  int64_t watermark_lag = 3;
  std::map<std::string, uint64_t> polls;  ///< by step

  // The sink: rows of each shard by index; a commit publishes those not published yet.
  std::map<std::pair<std::string, uint32_t>, uint64_t> published_up_to;
  std::map<std::string, std::vector<std::string>> published;  ///< by sink
  std::map<std::string, std::vector<uint64_t>> commits;       ///< epochs, by sink
  uint64_t commit_failures = 0;
  bool shards_commit = false;                 ///< the writers publish; the committer only at recovery
  std::chrono::microseconds commit_takes{0};  ///< how slow the sink is
  uint64_t most_outstanding_bytes = 0;        ///< of a sink's shard, written and not published

  /// Where what is published survives this process; empty: nowhere.
  std::string directory;
  /// Counts are kept in keyed state, and state and checkpoints in real files.
  bool real_state = false;

  // The checkpoint store.
  std::vector<proto::LogRecord> log;
  std::map<std::string, proto::CheckpointMetadata> metadata;
  int fail_metadata = 0;  ///< how many put_metadata calls fail
  error_code store_failure_code = error_code::io;
};

/// Components that live in `world`: sources give (value BIGINT) with event time = value; sinks publish rows as text;
/// an Aggregate node is running_count; a Filter passes everything but rejects values where value mod 10 = 3.
job_components fake_components(std::shared_ptr<fake_world> world, file_system& files, const clock& time);

/// source -> [HASH by value % 10] running_count -> sink; in one stage for parallelism 1.
proto::PhysicalPlan counting_plan(uint32_t parallelism, bool with_dead_letter = false);

/// Reads what a process with `world.directory` has published.
void load_published(fake_world& world);

/// What counting_plan publishes for `records` input values, sorted.
std::vector<std::string> expected_counts(int64_t records, bool with_filter = false);

}  // namespace systole::testing
