#pragma once

#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "coordination/checkpoint_history.h"
#include "tests/coordination/simulated_world.h"

namespace systole::testing {

constexpr size_t splits = 2;
constexpr size_t sinks = 2;  ///< 0 is committed by the coordinator, 1 by its tasks

/// A row is a number of a split; each split counts from 1.
struct simulated_row {
  size_t split = 0;
  uint64_t number = 0;
};

/// What a task had made durable when it acknowledged an epoch.
struct simulated_snapshot {
  std::map<size_t, uint64_t> positions;  ///< of a source, by split
  std::vector<simulated_row> outbox;     ///< of a sink's task
  uint32_t shard = 0;
  bool is_sink = false;
};

struct simulated_checkpoint {
  epoch_id epoch, previous;
  barrier_kind kind = barrier_kind::checkpoint;
  std::array<uint64_t, splits> positions{};
  std::vector<simulated_snapshot> sinks;
};

/// A log whose numbers can be created once each.
class simulated_log {
 public:
  /// Where a reader's view ends.
  using tail = size_t;
  std::vector<proto::LogRecord> records;

  tail end() const { return records.size(); }
  /// From the last base on.
  std::vector<proto::LogRecord> readable() const {
    size_t from = records.size();
    while (from > 0 && !(from < records.size() && records[from].has_base())) --from;
    return {records.begin() + static_cast<ptrdiff_t>(from), records.end()};
  }
  term_id highest() const { return records.empty() ? term_id() : term_id(records.back().term()); }
  /// False where another has created the number after `seen`.
  bool append(tail& seen, proto::LogRecord record, bool create_if_absent) {
    if (create_if_absent && (seen != records.size() || highest().value > record.term())) return false;
    record.set_sequence(records.size() + 1);
    records.push_back(std::move(record));
    seen = records.size();
    return true;
  }
};

/// What survives all processes, and what must be true of it.
class simulated_storage {
 public:
  simulated_storage(simulated_world& world, const simulated_guards& guards) : world_(world), guards_(guards) {}

  simulated_log cluster;
  simulated_log job;
  std::map<uint64_t, simulated_checkpoint> checkpoints;  ///< complete ones, by epoch
  std::vector<simulated_snapshot> snapshots;

  /// Appends `completed`; the chain of completed epochs must have one line.
  bool complete(simulated_log::tail& seen, term_id term, simulated_checkpoint made) {
    proto::LogRecord record;
    record.set_term(term.value);
    record.mutable_completed()->set_epoch(made.epoch.value);
    record.mutable_completed()->set_savepoint(made.kind == barrier_kind::stop);
    if (!job.append(seen, std::move(record), guards_.create)) return false;
    if (made.previous != last_complete || made.epoch <= last_complete)
      world_.damaged("epoch " + std::to_string(made.epoch.value) + " completed after " +
                     std::to_string(last_complete.value) + ", it follows " + std::to_string(made.previous.value));
    last_complete = made.epoch;
    ++completed;
    checkpoints.emplace(made.epoch.value, std::move(made));
    while (checkpoints.size() > 4) checkpoints.erase(checkpoints.begin());
    return true;
  }

  /// Publishes a sink's rows in one transaction with its epoch. False: the sink is past that epoch.
  bool commit(size_t sink, uint32_t shard, epoch_id epoch, epoch_id previous, const std::vector<simulated_row>& rows) {
    epoch_id& row = epoch_rows_[{sink, shard}];
    if (guards_.sink_epoch) {
      if (row == epoch) return true;
      if (row != previous) return false;
    }
    if (epoch > last_complete) world_.damaged("epoch " + std::to_string(epoch.value) + " was committed incomplete");
    if (epoch <= row && guards_.sink_epoch) world_.damaged("an epoch was committed out of order");
    row = std::max(row, epoch);
    for (const simulated_row& each : rows) {
      std::vector<bool>& seen = published_[sink][each.split];
      if (seen.size() < each.number) seen.resize(each.number, false);
      if (seen[each.number - 1])
        world_.damaged("sink " + std::to_string(sink) + " has row " + std::to_string(each.number) + " of split " +
                       std::to_string(each.split) + " twice");
      seen[each.number - 1] = true;
      ++counts_[sink][each.split];
    }
    return true;
  }
  /// A shard that did not exist in the last epoch.
  void begin(size_t sink, uint32_t shard, epoch_id last) {
    epoch_id& row = epoch_rows_[{sink, shard}];
    row = std::max(row, last);
  }
  /// All sinks have committed the epoch: they hold all rows up to its positions, and no other.
  void expect_whole(epoch_id epoch) {
    const auto found = checkpoints.find(epoch.value);
    if (found == checkpoints.end() || epoch != last_complete) return;
    for (size_t sink = 0; sink < sinks; ++sink)
      for (size_t split = 0; split < splits; ++split) {
        const uint64_t wanted = found->second.positions[split];
        if (counts_[sink][split] != wanted || published_[sink][split].size() != wanted)
          world_.damaged("sink " + std::to_string(sink) + " has " + std::to_string(counts_[sink][split]) +
                         " rows of split " + std::to_string(split) + " after epoch " + std::to_string(epoch.value) +
                         ", " + std::to_string(wanted) + " were read");
      }
  }

  epoch_id last_complete;
  uint64_t completed = 0;

 private:
  simulated_world& world_;
  const simulated_guards& guards_;
  std::map<std::pair<size_t, uint32_t>, epoch_id> epoch_rows_;
  std::array<std::array<std::vector<bool>, splits>, sinks> published_;
  std::array<std::array<uint64_t, splits>, sinks> counts_{};
};

}  // namespace systole::testing
