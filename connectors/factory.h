#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/ids.h"
#include "base/limits.h"
#include "base/result.h"
#include "base/safeguards.h"
#include "connectors/gauge_board.h"
#include "connectors/sink.h"
#include "connectors/source.h"
#include "connectors/split_alignment.h"
#include "data/batch.h"
#include "expr/expression.h"
#include "proto/plan.pb.h"

namespace systole {

/// What connectors are made with. All references outlive them.
struct connector_context {
  std::string job;
  std::string outbox_directory;          ///< where sinks may keep files of incomplete epochs; on the state's file system
  uint64_t outbox_bytes = limits::outbox_bytes;  ///< of them, for each sink shard
  const parameter_map* parameters = nullptr;
  const clock* time = nullptr;
  file_system* files = nullptr;
  size_t batch_rows = 1024;
  bool console_is_terminal = false;
  std::string secret_directory;          ///< where secretRefs are read: DIR/NAME/KEY; empty: none are given
  /// Of this attempt, from 1; unique in a job and growing. Files of the outbox carry it in their names, so that an older
  /// attempt that wakes up late writes into none of a newer one's.
  uint64_t attempt = 0;
  /// True while this attempt, and in a coordinator its term, is the job's current one. Asked before a connector takes
  /// over what another attempt may hold (a producer's id, a row lock) or replaces what it may have published. So the
  /// answer is the log's or the lock's, not what the process last heard: it may have slept since. Any thread; may block.
  std::function<bool()> still_current = [] { return true; };
  term_id term;                          ///< of this attempt's coordinator; a sink refuses what an older one commits
  std::chrono::milliseconds commit_wait{0};  ///< for a system that is away in a commit: the checkpoint time-out; 0: the sink's own
  gauge_board* gauges = nullptr;         ///< where metrics sinks show their rows; null: nowhere
  std::shared_ptr<split_alignment> alignment;  ///< of the source's readers, here and elsewhere; null: none waits for another
  safeguards guards;
};

/// What a sink takes, as the plan knows it.
struct sink_input {
  schema columns;
  bool changelog = false;
  std::vector<std::string> upsert_key;
};

result<std::unique_ptr<source_factory>> make_source(const proto::Node& node, const connector_context& context);
result<std::unique_ptr<sink_factory>> make_sink(const proto::Node& node, const sink_input& input,
                                                const connector_context& context);

/// The dead letter's columns: job, step, rule, reason, sqlstate, event_time, topic, partition, offset, raw.
const schema& dead_letter_schema();

}  // namespace systole
